import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import type { PictureCanvas } from "../drawing/canvas/PictureCanvas";
import { type Linking, linkingOf, type Lying, matching } from "./linking";

export const SIDES = ["left", "right"] as const;
export type SideName = (typeof SIDES)[number];

/** A side that is shown. */
export interface Member {
  volume: Lying;
  index: number;
  goTo: (index: number) => void;
}

/** Two sides that leaf and zoom together. */
export interface Together {
  /** How B-scans are put beside each other; null until both sides are there. */
  linking: Linking | null;
  /** Called by a side for as long as it is shown, with what it shows by now. */
  join: (side: SideName, member: Member) => void;
  leave: (side: SideName) => void;
  /** A side has moved or zoomed. */
  onView: (side: SideName, canvas: PictureCanvas) => void;
}

const other = (side: SideName): SideName => (side === "left" ? "right" : "left");

/** Leads the other side along when one is leafed through, moved or zoomed, while `on`. */
export function useTogether(on: boolean): Together {
  const members = useRef<Partial<Record<SideName, Member>>>({});
  const canvases = useRef<Partial<Record<SideName, PictureCanvas>>>({});
  /** Where a side was sent: that it gets there is not followed again. */
  const sent = useRef<Partial<Record<SideName, number>>>({});
  const following = useRef(false);
  const paired = useRef(false);
  const linked = useRef(on);
  const [linking, setLinking] = useState<Linking | null>(null);
  useEffect(() => {
    linked.current = on;
  }, [on]);

  const join = useCallback((side: SideName, member: Member) => {
    const before = members.current[side];
    members.current[side] = member;
    const beside = members.current[other(side)];
    setLinking(beside ? linkingOf(member.volume, beside.volume) : null);
    if (!beside || !linked.current) return;
    if (before?.index === member.index) return;
    // At first the right side, which was asked for, stays where it opens; what comes later takes its place beside it.
    const leader = before ? side : paired.current ? other(side) : "right";
    const follower = other(leader);
    paired.current = true;
    if (before && sent.current[side] === member.index) {
      delete sent.current[side];
      return;
    }
    const [led, leading] = [members.current[follower]!, members.current[leader]!];
    const to = matching(leading.volume, leading.index, led.volume);
    if (to === led.index) return;
    sent.current[follower] = to;
    led.goTo(to);
  }, []);
  const leave = useCallback((side: SideName) => {
    delete members.current[side];
    delete canvases.current[side];
    delete sent.current[side];
  }, []);
  const onView = useCallback((side: SideName, canvas: PictureCanvas) => {
    canvases.current[side] = canvas;
    const beside = canvases.current[other(side)];
    // The viewport that follows calls back, too; that must not be followed again.
    if (!linked.current || !beside || following.current) return;
    following.current = true;
    beside.viewport.show(canvas.viewport.view);
    following.current = false;
  }, []);
  return useMemo(() => ({ linking, join, leave, onView }), [linking, join, leave, onView]);
}
