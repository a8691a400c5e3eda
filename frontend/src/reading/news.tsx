import { Anchor } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { Link } from "react-router";

import type { Problem } from "../api/problem";
import { formatTime } from "../common/format";
import { texts } from "../texts";
import type { Given } from "./OwnVerdict";

/** Says of a scan that is not open that its verdict, which was kept, was sent. */
export function tellSent(scan: string, { at }: Given): void {
  tell(scan, "teal", texts.reading.lateSent(formatTime(at), formatTime(new Date().toISOString())), 20_000);
}

/** Says of a scan that is not open that its verdict was not taken. It stays until somebody closes it. */
export function tellRefused(scan: string, problem: Problem): void {
  tell(scan, "red", `${texts.reading.notTaken} ${problem.message}`, false);
}

function tell(scan: string, color: string, words: string, autoClose: number | false): void {
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
