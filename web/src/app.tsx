import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, useState } from "react";
import { createBrowserRouter, RouterProvider } from "react-router";
import { statusOf } from "./api/problem";
import { WorkspacePage } from "./queue/workspace-page";
import { RequireSession } from "./session/require-session";
import { SignInPage } from "./session/sign-in-page";
import { Shell } from "./shell/shell";
import { cssVariables, theme } from "./theme/theme";
import { TicketPage } from "./ticket/ticket-page";
import { NotFoundPage, ProblemPage } from "./ui/states";
import { Toasts } from "./ui/toasts";

const routes = [
  { path: "/sign-in", element: <SignInPage /> },
  {
    element: <RequireSession />,
    errorElement: <ProblemPage error={new Error("A page failed to render.")} />,
    children: [
      {
        element: <Shell />,
        children: [
          { path: "/", element: <WorkspacePage /> },
          { path: "/tickets/:ticketId", element: <TicketPage /> },
          {
            path: "*",
            element: (
              <main id="content">
                <NotFoundPage />
              </main>
            ),
          },
        ],
      },
    ],
  },
];

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      // What cannot be sent now fails now: kept until the connection is back, it would run behind the back of somebody who has
      // given it up long since.
      mutations: { networkMode: "always" },
      queries: {
        networkMode: "always",
        refetchOnReconnect: true,
        // Push says when something has changed; time alone makes nothing stale.
        staleTime: Infinity,
        // What the server refused it will refuse again; only silence and its own trouble are worth a second try.
        retry: (failures, error) => failures < 2 && (statusOf(error) ?? 500) >= 500,
        retryDelay: (failures) => 400 * 2 ** failures,
      },
    },
  });
}

export function App() {
  const [queryClient] = useState(createQueryClient);
  const [router] = useState(() => createBrowserRouter(routes));
  return (
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
        <QueryClientProvider client={queryClient}>
          <Toasts />
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>
  );
}
