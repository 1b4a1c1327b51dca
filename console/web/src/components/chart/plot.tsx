// The one place that knows uPlot.
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Columns } from '../../lib/chart-data';
import { type Extras, type Look, options } from './options';
import classes from './plot.module.css';

interface Props extends Look, Extras {
  columns: Columns;
  from: number; // seconds
  to: number;
  height: number;
  /** Which column the pointer is at. */
  onCursor?: (i: number | null) => void;
}

/** Lines on a canvas. It is a picture only: whoever uses it says the same in words and in a table. */
export function Plot(props: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const scheme = useComputedColorScheme('light');
  const { names, unit, axes, zone, single, sync, height } = props;
  const look = JSON.stringify({ names, unit, axes, zone, single, sync });

  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const now = () => latest.current;
    const opts = options(JSON.parse(look) as Look, now, (i) => now().onCursor?.(i));
    const u = new uPlot({ ...opts, width: Math.max(40, el.clientWidth), height }, whole(now()), el);
    u.setScale('x', { min: now().from, max: now().to });
    plot.current = u;
    const fit = new ResizeObserver(() => u.setSize({ width: Math.max(40, el.clientWidth), height }));
    fit.observe(el);
    return () => {
      fit.disconnect();
      u.destroy();
      plot.current = undefined;
    };
  }, [look, height]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a change of band or marks draws anew
  useEffect(() => {
    const u = plot.current;
    if (!u) return;
    u.batch(() => {
      u.setData(whole(props), true);
      u.setScale('x', { min: props.from, max: props.to });
    });
  }, [props.columns, props.from, props.to, props.band, props.marks]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: colours are read when drawing
  useEffect(() => {
    const frame = requestAnimationFrame(() => plot.current?.redraw(false));
    return () => cancelAnimationFrame(frame);
  }, [scheme]);

  return <div ref={box} className={classes.box} style={{ height }} aria-hidden="true" />;
}

/** The columns with an empty one for each line that has no data yet: uPlot wants as many as there are lines. */
function whole({ columns, names }: Pick<Props, 'columns' | 'names'>): Columns {
  const [t, ...rows] = columns;
  return [t, ...names.map((_, i) => rows[i] ?? t.map(() => null))];
}
