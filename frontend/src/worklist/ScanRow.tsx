import { Checkbox, Text } from "@mantine/core";
import { IconCircle, IconCircleCheck } from "@tabler/icons-react";
import { memo } from "react";
import { Link, useNavigate } from "react-router";

import { useMay } from "../api/accounts";
import { useScan } from "../api/scans";
import type { Scan } from "../api/types";
import { formatTime } from "../common/format";
import { LeadingAnswer } from "../common/LeadingAnswer";
import { useTexts } from "../common/useTexts";
import { ModalityTag } from "../common/ModalityTag";
import { Thumbnail } from "../common/Thumbnail";
import { Urgency } from "../common/Urgency";
import { texts } from "../texts";
import classes from "./WorklistPage.module.css";

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
  const { data: polled } = useScan(waits ? listed.id : null);
  const scan = (waits && polled) || listed;
  const words = useTexts(scan.modality).worklist;
  const name = scan.patient_ref || (knowsPatients ? texts.worklist.noPatient : texts.worklist.unnamed);
  const address = `/scans/${scan.id}${query && `?from=${encodeURIComponent(query)}`}`;
  const open = ({ target }: { target: EventTarget }) => {
    if (target instanceof Element && target.closest("a, label, input")) return;
    void navigate(address);
  };
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className={classes.row}
      style={{ height, transform: `translateY(${top}px)` }}
      // Keys go from link to link; a row that was pressed can be opened by Enter, too.
      tabIndex={-1}
      onClick={open}
      onKeyDown={(event) => event.key === "Enter" && open(event)}
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
          <ModalityTag name={scan.modality} />{" "}
          {[scan.volume && words.volume(scan.volume.count), scan.note].filter(Boolean).join(" · ")}
        </Text>
      </div>
      <div role="cell" className={classes.answer}>
        <AnswerCell scan={scan} />
      </div>
      <div role="cell" className={classes.urgency}>
        <UrgencyCell scan={scan} />
      </div>
      <div role="cell" className={classes.readers}>
        <ReadersCell scan={scan} />
      </div>
      <div role="cell" className={classes.time}>
        <Text size="sm">{formatTime(scan.timestamp)}</Text>
      </div>
    </div>
  );
});

function AnswerCell({ scan }: { scan: Scan }) {
  if (scan.status !== "predicted") {
    return <Text size="sm">{scan.status === "queued" ? texts.worklist.queued : texts.worklist.failed}</Text>;
  }
  if (scan.answer_hidden) return <Text size="sm">{texts.worklist.hidden}</Text>;
  return <LeadingAnswer scan={scan} lines={2} />;
}

/** How urgent it is: by the final reading, or without one by the model's answer. */
function UrgencyCell({ scan }: { scan: Scan }) {
  const leading = scan.final_reading ?? scan;
  return leading.recommendation && <Urgency given={leading.recommendation} rank={leading.urgency_rank} />;
}

function ReadersCell({ scan }: { scan: Scan }) {
  const Icon = scan.read_by_me ? IconCircleCheck : IconCircle;
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
      <Icon
        size={16}
        role="img"
        aria-label={scan.read_by_me ? texts.worklist.readByMe : texts.worklist.unreadByMe}
      />
      <span>{notes.filter(Boolean).join(", ")}</span>
    </Text>
  );
}
