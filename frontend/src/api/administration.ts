import { json } from "./client";

/**
 * Signs an administrator in to the administration's own pages, which know no access token.
 * Raises a Problem when the password is wrong, or the server can't be reached.
 */
export async function openAdministration(password: string): Promise<void> {
  await json("auth/session/", { method: "POST", body: { password } });
}
