import { IconAlertTriangle } from "@tabler/icons-react";

import { texts } from "../texts";
import classes from "./Doubts.module.css";

/** Why a picture is doubtful, with an icon; nothing for a picture that is not. */
export function Doubts({ doubts }: { doubts: readonly string[] }) {
  const text = texts.common.doubtful(doubts);
  if (!text) return null;
  return (
    <span className={classes.doubts} data-testid="doubts">
      <IconAlertTriangle size={13} aria-hidden /> {text}
    </span>
  );
}
