import { IconCircleCheck, IconCircleMinus, IconHelpHexagon, type TablerIcon } from "@tabler/icons-react";

import type { State } from "../api/types";
import { texts } from "../texts";
import classes from "./StateBadge.module.css";

const ICONS: Record<State, TablerIcon> = {
  answered: IconCircleCheck,
  undecided: IconHelpHexagon,
  not_answered: IconCircleMinus,
};

interface Props {
  state: State;
  /** Of the icon, in pixels; the word is as large as what is around it. */
  size?: number;
}

/** How far the model has answered: an icon and a word in a colour, each of which alone tells the three apart. */
export function StateBadge({ state, size = 14 }: Props) {
  const Icon = ICONS[state];
  return (
    <span className={classes.state} data-state={state} data-testid="state">
      <Icon size={size} aria-hidden />
      <span>{texts.common.states[state]}</span>
    </span>
  );
}
