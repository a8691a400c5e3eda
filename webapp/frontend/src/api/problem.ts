import { texts } from "../texts";

/** Something that did not work, in words for people. */
export class Problem extends Error {
  constructor(
    message: string,
    /** The server's word for it, or "offline" when there was no answer at all. */
    readonly code: string,
    readonly status: number,
    readonly fields: Record<string, string[]> = {},
  ) {
    super(message);
    this.name = "Problem";
  }

  /** Whether the same call may work later. */
  get passes(): boolean {
    return this.status === 0 || this.status >= 500 || this.status === 429;
  }
}

/** What went wrong, from an answer of the server or from whatever a call threw. */
export async function problem(cause: unknown): Promise<Problem> {
  if (cause instanceof Problem) return cause;
  if (!(cause instanceof Response)) return new Problem(texts.problems.offline, "offline", 0);
  const body = (await cause.json().catch(() => null)) as {
    error?: { code: string; message: string; fields?: Record<string, string[]> };
  } | null;
  if (body?.error) {
    const { code, message, fields } = body.error;
    return new Problem(message, code, cause.status, fields);
  }
  return new Problem(texts.problems.unexpected(cause.status), "unexpected", cause.status);
}
