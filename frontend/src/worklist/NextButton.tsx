import { Button } from "@mantine/core";
import { IconArrowRight } from "@tabler/icons-react";

import type { NextUnread } from "./useNextUnread";

interface Props {
  size: "sm" | "compact-md";
  label: string;
  title: string;
  next: NextUnread;
}

/** Opens the next scan that the reader has not read yet. */
export function NextButton({ size, label, title, next }: Props) {
  return (
    <Button
      size={size}
      variant="default"
      title={title}
      loading={next.isPending}
      onClick={next.open}
      rightSection={<IconArrowRight size={16} aria-hidden />}
    >
      {label}
    </Button>
  );
}
