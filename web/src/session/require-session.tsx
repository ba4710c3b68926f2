import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { Navigate, Outlet, useLocation } from "react-router";
import { statusOf } from "@/api/problem";
import { PushProvider } from "@/push/use-push";
import { LoadingPage, ProblemPage } from "@/ui/states";
import { signInAddress } from "./addresses";
import { useMe } from "./session";
import { useSessionEnd } from "./session-state";

/** Everything below needs a signed-in attendant; others are led to the door and back afterwards. */
export function RequireSession() {
  const me = useMe();
  const end = useSessionEnd();
  const queryClient = useQueryClient();
  const { pathname, search } = useLocation();

  useEffect(() => {
    if (end) queryClient.clear();
  }, [end, queryClient]);

  // Where one was is nothing to the next, who may not even see it.
  if (end === "left") return <Navigate to="/sign-in" replace />;
  if (end || statusOf(me.error) === 401) return <Navigate to={signInAddress(pathname, search)} replace />;
  if (me.data) {
    return (
      <PushProvider>
        <Outlet />
      </PushProvider>
    );
  }
  if (me.error) return <ProblemPage error={me.error} retry={() => void me.refetch()} />;
  return <LoadingPage />;
}
