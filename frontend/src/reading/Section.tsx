import { Title } from "@mantine/core";
import { type ReactNode, useId } from "react";

import classes from "./Section.module.css";

/** A part of the panel beside the scan. */
export function Section({
  title,
  children,
  testid,
}: {
  title: string;
  children: ReactNode;
  testid?: string;
}) {
  const id = useId();
  return (
    <section className={classes.section} aria-labelledby={id} data-testid={testid}>
      <Title order={2} size="h6" id={id} mb={8} className={classes.title}>
        {title}
      </Title>
      {children}
    </section>
  );
}
