/** Proves to the gateway that our own page sends the request: a page elsewhere cannot set it without asking first. */
export const csrfHeader = { "X-Guiche-CSRF": "1" } as const;
