/** Drawings that the server does not have yet, kept in this browser: a closed tab or a dead network loses nothing. */

import type { Revision } from "../api/annotations";
import { DRAWINGS } from "../sending/kept";
import { LocalStore } from "../sending/LocalStore";
import type { Shape } from "./shapes";

/** A shape as the server has it. */
export interface Saved extends Revision {
  shape: Shape;
}

/** One person's drawing on one scan: how it stands here, and what the server knows of it. */
export interface Draft {
  shapes: readonly Shape[];
  /** By the shape's key; one that is missing in `shapes` was deleted here. */
  saved: Readonly<Record<string, Saved>>;
  /** By the shape's key: its forms that were sent and not answered, none of a deletion. The server may have one. */
  sent?: Readonly<Record<string, readonly Shape[]>>;
}

export const drafts = new LocalStore<Draft>(DRAWINGS, "drawings");
