// Line icons on a 16 px grid. They are decoration beside a word, never instead of one.

const paths = {
  now: 'M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11ZM8 5v3.2l2 1.6',
  map: 'M3 3.5h3v3H3zM10 2.5h3v3h-3zM10 10.5h3v3h-3zM6 5c2 0 2 -1 4 -1M6 5.5c2.5 0 1.5 6.5 4 6.5',
  incident: 'M8 2.5 14 13H2zM8 6.5v3M8 11.2v.1',
  decision: 'M3 8.5 6.5 12 13 4',
  explore: 'M2.5 13.5v-11M2.5 13.5h11M4.5 10l3-3.5 2.5 2 3-4.5',
  source: 'M2.5 8h6.5M6.5 5.5 9 8l-2.5 2.5M9.5 3h4v10h-4',
  stop: 'M5.5 2h5L14 5.5v5L10.5 14h-5L2 10.5v-5zM6 8h4',
  play: 'M5 3.5v9l7-4.5z',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM10.4 10.4 13.5 13.5',
  more: 'M8 3.4v.2M8 7.9v.2M8 12.4v.2',
  check: 'M3 8.5 6.5 12 13 4',
  cross: 'M4 4l8 8M12 4l-8 8',
  back: 'M6.5 3.5 3 7l3.5 3.5M3 7h6.5a3.5 3.5 0 0 1 0 7H7',
  wait: 'M4 2.5h8M4 13.5h8M5 2.5c0 3 3 3.5 3 5.5s-3 2.5-3 5.5M11 2.5c0 3-3 3.5-3 5.5s3 2.5 3 5.5',
  question: 'M5.5 6a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M8 12.4v.1',
  clock: 'M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11ZM8 5v3.2l2 1.6',
  spinner: 'M8 2.5a5.5 5.5 0 1 1-5.5 5.5',
  table: 'M2.5 3.5h11v9h-11zM2.5 6.5h11M6.5 3.5v9',
  chart: 'M2.5 13.5v-11M2.5 13.5h11M4.5 10l3-3.5 2.5 2 3-4.5',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  change: 'M8 2.5 13.5 8 8 13.5 2.5 8z',
  arrow: 'M3 8h10M9.5 4.5 13 8l-3.5 3.5',
  cause: 'M8 2l6 6-6 6-6-6zM8 5.5v3M8 10.5v.1',
  suffers: 'M8 3 13.5 12.5h-11z',
  silent: 'M3 8h2M7 8h2M11 8h2',
  dot: 'M8 6a2 2 0 1 1 0 4 2 2 0 0 1 0-4Z',
  shield: 'M8 2l5 2v4c0 3-2 5-5 6-3-1-5-3-5-6V4z',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      className="icon"
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={paths[name]} />
    </svg>
  );
}

/** The mark: a ship's wheel. */
export function Wheel({ size = 22 }: { size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="var(--accent)"
      strokeLinecap="round"
      aria-hidden="true"
      focusable="false"
    >
      <circle cx="12" cy="12" r="6.5" strokeWidth="2" />
      <circle cx="12" cy="12" r="1.6" fill="var(--accent)" stroke="none" />
      <path d="M12 1.5v21M1.5 12h21M4.6 4.6l14.8 14.8M19.4 4.6 4.6 19.4" strokeWidth="1.3" />
    </svg>
  );
}
