// What uPlot is told: axes with units, the normal range as a band, moments as
// upright lines with a shape at their foot.
import type uPlot from 'uplot';
import { withUnit } from '../../lib/format';
import { clock, clockShort, type Zone } from '../../lib/time';
import { lineColour, lineDash, token } from './ink';

export interface Marker {
  at: number; // seconds
  kind: 'onset' | 'change' | 'end';
}

export interface Look {
  names: string[];
  unit: string;
  axes: boolean;
  zone: Zone;
  /** Only in strips: one plain line. */
  single?: boolean;
  sync?: string;
}

export interface Extras {
  band?: { low: number; high: number };
  marks: Marker[];
}

const font = '11px "Inter Variable", "Liberation Sans", sans-serif';

export function options(
  look: Look,
  extras: () => Extras,
  onCursor: (i: number | null) => void,
): Omit<uPlot.Options, 'width' | 'height'> {
  const stroke = (i: number) => () => (look.single ? token('--text') : lineColour(i));
  return {
    padding: look.axes ? [8, 8, 0, 0] : [3, 0, 3, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { size: 6 },
      drag: { x: false, y: false },
      ...(look.sync ? { sync: { key: look.sync } } : {}),
    },
    scales: {
      x: { time: true },
      y: { range: (_u, lo, hi) => yRange(lo, hi, extras().band) },
    },
    series: [
      {},
      ...look.names.map((label, i) => ({
        label,
        stroke: stroke(i),
        width: 1.5,
        dash: look.single ? [] : lineDash(i),
        points: { show: lonely },
        spanGaps: false,
      })),
    ],
    axes: look.axes ? [xAxis(look.zone), yAxis(look.unit)] : [{ show: false }, { show: false }],
    hooks: {
      drawClear: [(u) => drawBand(u, extras().band)],
      draw: [(u) => drawMarks(u, extras().marks)],
      setCursor: [(u) => onCursor(u.cursor.idx ?? null)],
    },
  };
}

/** Points are drawn only where there are few, so that a lone sample between gaps is seen. */
const lonely = (u: uPlot, i: number) => (u.data[i] ?? []).filter((v) => v !== null).length < 30;

function yRange(lo: number | null, hi: number | null, band: Extras['band']): [number, number] {
  const least = Math.min(lo ?? 0, band?.low ?? Number.POSITIVE_INFINITY);
  const most = Math.max(hi ?? 1, band?.high ?? Number.NEGATIVE_INFINITY);
  const bottom = least >= 0 && least < most * 0.6 ? 0 : least;
  const pad = (most - bottom || Math.abs(most) || 1) * 0.06;
  return [bottom === 0 ? 0 : bottom - pad, most + pad];
}

const grid = () => ({ stroke: () => token('--line'), width: 1 });

function xAxis(zone: Zone): uPlot.Axis {
  return {
    stroke: () => token('--muted'),
    font,
    grid: grid(),
    ticks: { show: false },
    size: 24,
    gap: 4,
    space: 72,
    values: (_u, splits, _i, _space, incr) => splits.map((t) => tick(t * 1000, incr, zone)),
  };
}

function tick(at: number, incr: number, zone: Zone): string {
  if (incr < 60) return clock(at, zone);
  if (incr < 86_400) return clockShort(at, zone);
  return new Date(at).toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    timeZone: zone === 'UTC' ? 'UTC' : undefined,
  });
}

function yAxis(unit: string): uPlot.Axis {
  return {
    stroke: () => token('--muted'),
    font,
    grid: grid(),
    ticks: { show: false },
    size: 64,
    gap: 6,
    space: 36,
    values: (_u, splits) => splits.map((v) => withUnit(v, unit)),
  };
}

function drawBand(u: uPlot, band: Extras['band']) {
  if (!band) return;
  const { left, width, top, height } = u.bbox;
  const y = (v: number) => Math.min(top + height, Math.max(top, u.valToPos(v, 'y', true)));
  const upper = y(band.high);
  u.ctx.save();
  u.ctx.fillStyle = token('--band');
  u.ctx.fillRect(left, upper, width, Math.max(devicePixelRatio, y(band.low) - upper));
  u.ctx.restore();
}

function drawMarks(u: uPlot, marks: Marker[]) {
  const { ctx } = u;
  const { left, width, top, height } = u.bbox;
  const px = devicePixelRatio;
  for (const m of marks) {
    const x = Math.round(u.valToPos(m.at, 'x', true));
    if (x < left || x > left + width) continue;
    ctx.save();
    const colour = token(m.kind === 'onset' ? '--harm-fill' : '--muted');
    ctx.strokeStyle = colour;
    ctx.fillStyle = colour;
    ctx.lineWidth = (m.kind === 'onset' ? 1.5 : 1) * px;
    ctx.setLineDash(m.kind === 'onset' ? [] : [3 * px, 3 * px]);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    foot(ctx, m.kind, x, top, px);
    ctx.restore();
  }
}

/** A triangle for an onset, a diamond for a change; an end has none. */
function foot(ctx: CanvasRenderingContext2D, kind: Marker['kind'], x: number, y: number, px: number) {
  const r = 4 * px;
  ctx.beginPath();
  if (kind === 'onset') {
    ctx.moveTo(x - r, y);
    ctx.lineTo(x + r, y);
    ctx.lineTo(x, y + r * 1.4);
  } else if (kind === 'change') {
    ctx.moveTo(x, y);
    ctx.lineTo(x + r, y + r);
    ctx.lineTo(x, y + 2 * r);
    ctx.lineTo(x - r, y + r);
  }
  ctx.closePath();
  ctx.fill();
}
