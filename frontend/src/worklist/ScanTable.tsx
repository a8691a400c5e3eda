import { useMediaQuery } from "@mantine/hooks";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

import type { Scan } from "../api/types";
import { useKeys } from "../common/keys";
import { texts } from "../texts";
import { ScanRow } from "./ScanRow";
import classes from "./WorklistPage.module.css";

/** Height of a scan in pixels: as a row, and as a card on narrow windows. */
const ROW_PX = 72;
const CARD_PX = 184;
/** Rows that exist beyond the visible ones. */
const OVERSCAN_ROWS = 12;
/** The next page is loaded when so few rows are left below. */
const ROWS_AHEAD = 60;

interface Props {
  scans: Scan[];
  /** How many there are in all, when that is known. */
  count: number | undefined;
  chosen: ReadonlyMap<string, Scan>;
  query: string;
  onChoose: (scan: Scan, chosen: boolean) => void;
  onEnd: () => void;
}

/** The scans as a table of which only the rows that are seen exist. Arrow keys go from row to row. */
export function ScanTable({ scans, count, chosen, query, onChoose, onEnd }: Props) {
  const body = useRef<HTMLDivElement>(null);
  const narrow = useMediaQuery("(max-width: 48em)", undefined, { getInitialValueInEffect: false });
  const [top, setTop] = useState(0);
  useLayoutEffect(() => setTop(body.current?.offsetTop ?? 0), [scans.length]);
  const height = narrow ? CARD_PX : ROW_PX;
  const rows = useWindowVirtualizer({
    count: scans.length,
    estimateSize: () => height,
    overscan: OVERSCAN_ROWS,
    scrollMargin: top,
    getItemKey: (index) => scans[index]?.id ?? index,
  });
  useEffect(() => rows.measure(), [height, rows]);
  const shown = rows.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= scans.length - ROWS_AHEAD) onEnd();
  }, [last, scans.length, onEnd]);

  const go = useCallback(
    (step: number) => {
      const at = Number(
        (document.activeElement as HTMLElement | null)?.dataset["row"] ?? (step > 0 ? -1 : 0),
      );
      const next = Math.min(Math.max(at + step, 0), scans.length - 1);
      rows.scrollToIndex(next, { align: "auto" });
      // The row may exist only after the scrolling.
      let tries = 10;
      const focus = () => {
        const link = body.current?.querySelector<HTMLElement>(`[data-row="${next}"]`);
        if (link) link.focus({ preventScroll: true });
        else if (tries-- > 0) requestAnimationFrame(focus);
      };
      focus();
    },
    [rows, scans.length],
  );
  useKeys({ arrowdown: () => go(1), arrowup: () => go(-1), j: () => go(1), k: () => go(-1) });

  const { columns } = texts.worklist;
  return (
    <div role="table" aria-label={texts.worklist.title} aria-rowcount={count === undefined ? -1 : count + 1}>
      <div role="rowgroup" className={classes.head}>
        <div role="row" aria-rowindex={1} className={classes.row}>
          <div role="columnheader">
            <span className="visually-hidden">{columns.choose}</span>
          </div>
          <div role="columnheader" aria-colspan={2} className={classes.wide}>
            {columns.scan}
          </div>
          <div role="columnheader">{columns.label}</div>
          <div role="columnheader">{columns.urgency}</div>
          <div role="columnheader">{columns.readers}</div>
          <div role="columnheader">{columns.time}</div>
        </div>
      </div>
      <div role="rowgroup" ref={body} className={classes.body} style={{ height: rows.getTotalSize() }}>
        {shown.map(({ index, key, start }) => {
          const scan = scans[index]!;
          return (
            <ScanRow
              key={key}
              scan={scan}
              index={index}
              chosen={chosen.has(scan.id)}
              query={query}
              height={height}
              top={start - top}
              onChoose={onChoose}
            />
          );
        })}
      </div>
    </div>
  );
}
