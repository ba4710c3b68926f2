/** Where to return after signing in; only addresses of this application. */
export function wantedAddress(search: string): string {
  const next = new URLSearchParams(search).get("next") ?? "/";
  // Browsers drop tabs and line breaks from addresses, and read "/\t/attacker.example" as "//attacker.example".
  return /^\/(?![/\\])[^\t\n\r]*$/.test(next) ? next : "/";
}

export function signInAddress(pathname: string, search: string): string {
  const wanted = pathname + search;
  return wanted === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(wanted)}`;
}
