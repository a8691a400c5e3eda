import { Anchor } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { Link } from "react-router";

import type { Problem } from "../api/problem";
import { formatTime } from "../common/format";
import { texts } from "../texts";
import type { Given } from "./OwnVerdict";

/** Notifies that the verdict on a scan that is not open, which had been kept, was sent. */
export function notifySent({ scan, at }: Given): void {
  notify(scan, "teal", texts.reading.lateSent(formatTime(at), formatTime(new Date().toISOString())), 20_000);
}

/** Notifies that the verdict on a scan that is not open was refused. Stays until it is closed. */
export function notifyRefused(scan: string, problem: Problem): void {
  notify(scan, "red", `${texts.reading.notTaken} ${problem.message}`, false);
}

function notify(scan: string, color: string, words: string, autoClose: number | false): void {
  const id = `verdict-${scan}`;
  notifications.show({
    id,
    color,
    autoClose,
    message: (
      <>
        {words}{" "}
        <Anchor component={Link} to={`/scans/${scan}`} inherit onClick={() => notifications.hide(id)}>
          {texts.reading.lookAtScan}
        </Anchor>
      </>
    ),
  });
}
