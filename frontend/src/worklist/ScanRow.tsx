import { Checkbox, Text } from "@mantine/core";
import { IconCircle, IconCircleCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { memo, type MouseEvent } from "react";
import { Link, useNavigate } from "react-router";

import { json } from "../api/client";
import type { Scan } from "../api/types";
import { formatTime } from "../common/format";
import { Leading } from "../common/Leading";
import { Thumbnail } from "../common/Thumbnail";
import { Urgency } from "../common/Urgency";
import { useMay } from "../common/useMe";
import { texts } from "../texts";
import classes from "./WorklistPage.module.css";

const POLL_MS = 2000;

interface Props {
  scan: Scan;
  index: number;
  chosen: boolean;
  query: string;
  /** In pixels; `top` from the beginning of the list. */
  height: number;
  top: number;
  onChoose: (scan: Scan, chosen: boolean) => void;
}

/** One scan of the list. While it waits for the model it looks again and again whether it has been read. */
export const ScanRow = memo(function ScanRow({
  scan: listed,
  index,
  chosen,
  query,
  height,
  top,
  onChoose,
}: Props) {
  const navigate = useNavigate();
  const knowsPatients = useMay("may_see_patients");
  const waits = listed.status === "queued";
  const { data: looked } = useQuery({
    queryKey: ["scan", listed.id],
    queryFn: () => json<Scan>(`scans/${listed.id}/`),
    enabled: waits,
    refetchInterval: ({ state }) => (state.data?.status === "queued" ? POLL_MS : false),
  });
  const scan = (waits && looked) || listed;
  const name = scan.patient_ref || (knowsPatients ? texts.worklist.noPatient : texts.worklist.unnamed);
  const address = `/scans/${scan.id}${query && `?from=${encodeURIComponent(query)}`}`;
  const open = (event: MouseEvent) => {
    if (event.target instanceof Element && event.target.closest("a, label, input")) return;
    void navigate(address);
  };
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className={classes.row}
      style={{ height, transform: `translateY(${top}px)` }}
      onClick={open}
      data-testid="row"
    >
      <div role="cell" className={classes.choose}>
        <Checkbox
          size="sm"
          checked={chosen}
          aria-label={texts.worklist.choose([name, formatTime(scan.timestamp)].filter(Boolean).join(", "))}
          onChange={(event) => onChoose(scan, event.currentTarget.checked)}
        />
      </div>
      <div role="cell" className={classes.picture}>
        <Thumbnail path={scan.thumbnail_path} alt="" />
      </div>
      <div role="cell" className={classes.name}>
        <Link to={address} className={classes.link} data-row={index}>
          {name}
          {scan.eye && ` · ${texts.common.eyesShort[scan.eye]}`}
        </Link>
        <Text size="xs" c="dimmed" truncate>
          {scan.note}
        </Text>
      </div>
      <div role="cell" className={classes.answer}>
        <Said scan={scan} />
      </div>
      <div role="cell" className={classes.urgency}>
        <NextStep scan={scan} />
      </div>
      <div role="cell" className={classes.readers}>
        <Read scan={scan} />
      </div>
      <div role="cell" className={classes.time}>
        <Text size="sm">{formatTime(scan.timestamp)}</Text>
      </div>
    </div>
  );
});

function Said({ scan }: { scan: Scan }) {
  if (scan.status !== "predicted") {
    return <Text size="sm">{scan.status === "queued" ? texts.worklist.queued : texts.worklist.failed}</Text>;
  }
  if (scan.answer_hidden) return <Text size="sm">{texts.worklist.hidden}</Text>;
  return <Leading scan={scan} lines={2} />;
}

/** How urgent it is: by the final reading, or without one by the model's answer. */
function NextStep({ scan }: { scan: Scan }) {
  const leading = scan.final_reading ?? scan;
  return leading.recommendation && <Urgency given={leading.recommendation} rank={leading.urgency_rank} />;
}

function Read({ scan }: { scan: Scan }) {
  const Sign = scan.read_by_me ? IconCircleCheck : IconCircle;
  const notes = [
    texts.worklist.readers(scan.reader_count),
    scan.settled_label
      ? texts.worklist.settled
      : scan.dispute > 0
        ? texts.worklist.disputed
        : scan.final_reading?.verified && texts.worklist.verified,
  ];
  return (
    <Text size="sm" className={classes.signed}>
      <Sign
        size={16}
        role="img"
        aria-label={scan.read_by_me ? texts.worklist.readByMe : texts.worklist.unreadByMe}
      />
      <span>{notes.filter(Boolean).join(", ")}</span>
    </Text>
  );
}
