import classes from "./Hatching.module.css";

/** A sample of how a kind of finding is drawn: the colour of its line, and its hatching. */
export function Hatching({ colour, hatch }: { colour: string; hatch: string }) {
  const tiles = [0, 8].flatMap((x) => [0, 8].map((y) => [x, y] as const));
  return (
    <svg className={classes.sample} viewBox="0 0 16 16" width={18} height={18} aria-hidden>
      <g fill="none" stroke={colour} strokeLinecap="round">
        {tiles.map(([x, y]) => (
          <path key={`${x} ${y}`} d={hatch} transform={`translate(${x} ${y})`} strokeWidth={1.1} />
        ))}
        <rect x={1} y={1} width={14} height={14} rx={2} strokeWidth={2} />
      </g>
    </svg>
  );
}
