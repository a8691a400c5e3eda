import { IconAlertTriangle } from "@tabler/icons-react";

import { texts } from "../texts";
import classes from "./Doubts.module.css";

/** Why a picture is doubtful, with the sign for it; nothing for one that is not. */
export function Doubts({ doubts }: { doubts: readonly string[] }) {
  const said = texts.common.doubtful(doubts);
  if (!said) return null;
  return (
    <span className={classes.doubts} data-testid="doubts">
      <IconAlertTriangle size={13} aria-hidden /> {said}
    </span>
  );
}
