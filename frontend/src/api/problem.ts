import { texts } from "../texts";

/** The server's name for errors that concern no single field. */
const NO_FIELD = "non_field_errors";

/** An error with a message for users. */
export class Problem extends Error {
  constructor(
    message: string,
    /** The server's code of the error, or "offline" when there was no answer at all. */
    readonly code: string,
    readonly status: number,
    readonly fields: Record<string, string[]> = {},
  ) {
    super(message);
    this.name = "Problem";
  }

  /**
   * What went wrong: each sentence once, with the field that it is about ("" for none). Where fields are named, the
   * message is left out, as it repeats the first of them.
   */
  get sentences(): { field: string; text: string }[] {
    const named = Object.entries(this.fields).flatMap(([field, reasons]) =>
      [...new Set(reasons)].map((text) => ({ field: field === NO_FIELD ? "" : field, text })),
    );
    return named.length > 0 ? named : [{ field: "", text: this.message }];
  }

  /** Whether the same call may work later. */
  get isTemporary(): boolean {
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
