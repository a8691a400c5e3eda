/** Every state of a drawing, so that steps can be undone and redone without limit. */
export interface History<State> {
  readonly past: readonly State[];
  readonly present: State;
  readonly future: readonly State[];
}

export function begin<State>(present: State): History<State> {
  return { past: [], present, future: [] };
}

export function step<State>({ past, present }: History<State>, next: State): History<State> {
  return { past: [...past, present], present: next, future: [] };
}

export function undo<State>(history: History<State>): History<State> {
  const { past, present, future } = history;
  if (past.length === 0) return history;
  return { past: past.slice(0, -1), present: past.at(-1)!, future: [present, ...future] };
}

export function redo<State>(history: History<State>): History<State> {
  const [next, ...rest] = history.future;
  return next === undefined
    ? history
    : { past: [...history.past, history.present], present: next, future: rest };
}

/** Changes every state alike: for a change that is no step of the user, such as a shape from another window. */
export function everywhere<State>(history: History<State>, change: (state: State) => State): History<State> {
  return {
    past: history.past.map(change),
    present: change(history.present),
    future: history.future.map(change),
  };
}
