import { IconCircleCheck, IconCircleMinus, IconHelpHexagon, type TablerIcon } from "@tabler/icons-react";

import type { State } from "../api/types";
import { texts } from "../texts";
import classes from "./StateSign.module.css";

const SIGNS: Record<State, TablerIcon> = {
  answered: IconCircleCheck,
  undecided: IconHelpHexagon,
  not_answered: IconCircleMinus,
};

interface Props {
  state: State;
  /** Of the sign, in pixels; the word is as large as what is around it. */
  size?: number;
}

/** How far the model has answered: a sign and a word in a colour, each of which alone tells the three apart. */
export function StateSign({ state, size = 14 }: Props) {
  const Sign = SIGNS[state];
  return (
    <span className={classes.state} data-state={state} data-testid="state">
      <Sign size={size} aria-hidden />
      <span>{texts.common.states[state]}</span>
    </span>
  );
}
