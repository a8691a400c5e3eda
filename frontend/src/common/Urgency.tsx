import { Badge } from "@mantine/core";
import {
  IconAlertOctagon,
  IconAlertTriangle,
  IconCalendar,
  IconClock,
  IconEye,
  IconMinus,
} from "@tabler/icons-react";

import type { Recommendation } from "../api/types";
import { capitalised } from "./format";
import urgencies from "./urgencies.json";

interface Props {
  given: Recommendation;
  /** Of the scan; 1 is the least urgent tier. */
  rank: number;
  size?: "sm" | "md" | "lg";
}

const ICONS = [IconMinus, IconCalendar, IconClock, IconAlertTriangle, IconAlertOctagon];

/** How urgent the next step is: in words, with an icon and a colour, which are the same everywhere. */
export function Urgency({ given, rank, size = "sm" }: Props) {
  const tier = Math.min(Math.max(rank, 1), urgencies.tiers.length) - 1;
  const colour = given.needs_review ? urgencies.review : urgencies.tiers[tier]!;
  const Icon = given.needs_review ? IconEye : ICONS[tier]!;
  return (
    <Badge
      color={colour}
      c="black"
      size={size}
      tt="none"
      radius="sm"
      h="auto"
      py={4}
      leftSection={<Icon size={14} aria-hidden />}
      styles={{ label: { whiteSpace: "normal", lineHeight: 1.25 } }}
    >
      {capitalised(given.urgency)}
    </Badge>
  );
}
