/** Where the API is: every other address in this folder is below it. */
export const API = "/api/v1/";

/** The API's documentation, for people. */
export const API_DOCUMENTATION = "/api/docs/";

/** An address that the API gave, without the host: the page asks only the server that it came from. */
export function onThisServer(address: string): string {
  const { pathname, search } = new URL(address, window.location.origin);
  return pathname + search;
}
