import { Badge } from "@mantine/core";
import { IconAlertOctagon, IconAlertTriangle, IconClock, IconEye, IconMinus } from "@tabler/icons-react";

interface Props {
  text: string;
  /** 1 is the least urgent; 0 when nothing is known. */
  rank: number;
  size?: "sm" | "md" | "lg";
}

const LEVELS = [
  { color: "gray", Icon: IconMinus },
  { color: "gray", Icon: IconMinus },
  { color: "blue", Icon: IconClock },
  { color: "yellow", Icon: IconEye },
  { color: "orange", Icon: IconAlertTriangle },
  { color: "red", Icon: IconAlertOctagon },
];

/** How urgent the next step is: in words, with a sign and a colour. */
export function Urgency({ text, rank, size = "sm" }: Props) {
  const { color, Icon } = LEVELS[Math.min(Math.max(rank, 0), LEVELS.length - 1)] ?? LEVELS[0]!;
  return (
    <Badge
      color={color}
      variant="light"
      size={size}
      tt="none"
      radius="sm"
      h="auto"
      py={4}
      leftSection={<Icon size={14} aria-hidden />}
      styles={{ label: { whiteSpace: "normal", lineHeight: 1.25, color: "var(--mantine-color-text)" } }}
    >
      {text.charAt(0).toUpperCase() + text.slice(1)}
    </Badge>
  );
}
