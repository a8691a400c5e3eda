/** Brings together what the server has of somebody's drawing and what this browser has kept of it. */

import type { Annotation } from "../api/types";
import type { Draft, Saved } from "./drafts";
import { newShape, sameContent, type Shape } from "./shapes";
import { fromSelector } from "./w3c";

export interface Merged extends Draft {
  /** Whether something was changed here and elsewhere; both are kept then. */
  conflict: boolean;
}

const NOTHING: Draft = { shapes: [], saved: {} };

/** The shape of an annotation; null for one that can't be shown. */
export function shapeOf(annotation: Pick<Annotation, "target" | "label" | "comment">): Shape | null {
  const geometry = fromSelector(annotation.target.selector);
  return geometry && newShape(geometry, annotation.label, annotation.comment);
}

/** Whether what the server has of a shape was made here: it is as it stands here, or as it was sent without an answer. */
export function isOwn(theirs: Shape, key: string, { shapes, sent }: Draft): boolean {
  const here = shapes.filter((shape) => shape.key === key);
  return [...here, ...(sent?.[key] ?? [])].some((form) => sameContent(form, theirs));
}

/** The key of the new shape as which the server's was made here, although its answer was lost; else undefined. */
export function keyOfLost(theirs: Shape, draft: Draft): string | undefined {
  const keys = [...draft.shapes.map(({ key }) => key), ...Object.keys(draft.sent ?? {})];
  return keys.find((key) => !draft.saved[key] && isOwn(theirs, key, draft));
}

/** `annotations` are the person's own, in the order of the server. */
export function merge(annotations: readonly Annotation[], draft: Draft = NOTHING): Merged {
  const shapes: Shape[] = [];
  const saved: Record<string, Saved> = {};
  const left = new Map(draft.shapes.map((shape) => [shape.key, shape]));
  const keys = new Map(Object.entries(draft.saved).map(([key, { id }]) => [id, key]));
  let conflict = false;

  for (const annotation of annotations) {
    const { id, revision } = annotation;
    const theirs = shapeOf(annotation);
    if (!theirs) continue;
    const key = keys.get(id) ?? keyOfLost(theirs, { ...draft, saved: { ...draft.saved, ...saved } });
    if (key === undefined) {
      shapes.push(theirs);
      saved[theirs.key] = { id, revision, shape: theirs };
      continue;
    }
    const before = draft.saved[key];
    const mine = left.get(key);
    left.delete(key);
    if (revision === before?.revision) {
      saved[key] = before;
      if (mine) shapes.push(mine);
    } else if (!before || isOwn(theirs, key, draft)) {
      // Made here: the server's answer was lost on the way.
      saved[key] = { id, revision, shape: { ...theirs, key } };
      if (mine) shapes.push(mine);
    } else if (!mine || sameContent(mine, before.shape)) {
      const shape = { ...theirs, key };
      shapes.push(shape);
      saved[key] = { id, revision, shape };
    } else {
      conflict = true;
      shapes.push(theirs, mine);
      saved[theirs.key] = { id, revision, shape: theirs };
    }
  }
  for (const shape of left.values()) {
    const before = draft.saved[shape.key];
    // One that was saved, is gone from the server and was not touched here has been deleted elsewhere.
    if (!before || !sameContent(shape, before.shape) || draft.sent?.[shape.key]) shapes.push(shape);
  }
  return { shapes, saved, conflict };
}

/** Whether the server does not have all of it. */
export function isUnsaved({ shapes, saved, sent = {} }: Draft): boolean {
  const here = new Set(shapes.map((shape) => shape.key));
  return (
    Object.keys(sent).length > 0 ||
    Object.keys(saved).some((key) => !here.has(key)) ||
    shapes.some((shape) => !saved[shape.key] || !sameContent(saved[shape.key]!.shape, shape))
  );
}
