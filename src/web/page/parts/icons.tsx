// SPDX-License-Identifier: AGPL-3.0-or-later
/** Strokes in a 24 by 24 field. Decoration: words beside them, or a label, say the same. */

const PATHS = {
  overview: 'M4 11.5 12 5l8 6.5M6.5 10v9h11v-9M10 19v-5h4v5',
  neighbours:
    'M12 12.5v-4M12 12.5l-5.5 4M12 12.5l5.5 4M14 6.5a2 2 0 1 1-4 0 2 2 0 0 1 4 0zM7.5 18a2 2 0 1 1-4 0 2 2 0 0 1 4 0zM20.5 18a2 2 0 1 1-4 0 2 2 0 0 1 4 0z',
  items: 'M4.5 5.5h15v4h-15zM4.5 9.5v9h15v-9M9.5 13h5',
  machine:
    'M7 7h10v10H7zM10 3.5V7M14 3.5V7M10 17v3.5M14 17v3.5M3.5 10H7M3.5 14H7M17 10h3.5M17 14h3.5',
  log: 'M5 6.5h.01M9 6.5h10M5 12h.01M9 12h10M5 17.5h.01M9 17.5h7',
  settings:
    'M5 8h8M17 8h2M5 16h2M11 16h8M17 8a2 2 0 1 1-4 0 2 2 0 0 1 4 0zM11 16a2 2 0 1 1-4 0 2 2 0 0 1 4 0z',
  folder:
    'M3 7.5A1.5 1.5 0 0 1 4.5 6H9l2 2.5h8.5A1.5 1.5 0 0 1 21 10v7.5a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 17.5z',
  file: 'M6 3.5h8L18.5 8v12.5h-12.5zM14 3.5V8h4.5',
  text: 'M6 3.5h8L18.5 8v12.5h-12.5zM14 3.5V8h4.5M9 12.5h6M9 16h4',
  symlink: 'M10 14l5-5M9 9.5l2-2a3.5 3.5 0 0 1 5 5l-2 2M15 14.5l-2 2a3.5 3.5 0 0 1-5-5l2-2',
  image: 'M4 5.5h16v13H4zM4 15.5l4.5-4 4 3.5 3-2.5 4.5 3.5M15.5 9.5h.01',
  audio: 'M9 17.5V6l10-2v11.5M9 17.5a2.5 2.5 0 1 1-2.5-2.5H9M19 15.5a2.5 2.5 0 1 1-2.5-2.5H19',
  video: 'M4 6h16v12H4zM10 9.5v5l4.5-2.5z',
  save: 'M12 4v11M7.5 11 12 15.5 16.5 11M5 19.5h14',
  add: 'M12 5v14M5 12h14',
  fetch: 'M12 4v10M8 10.5 12 14.5l4-4M4.5 15v4.5h15V15',
  share:
    'M8.5 10.5 15.5 7M8.5 13.5l7 3.5M9 12a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM20 6a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM20 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z',
  open: 'M9 5.5H5.5v13h13V15M13 5.5h5.5V11M18 6l-7.5 7.5',
  search: 'M16 11a5 5 0 1 1-10 0 5 5 0 0 1 10 0zM15 15l4.5 4.5',
  close: 'M6 6l12 12M18 6 6 18',
  back: 'M14.5 5.5 8 12l6.5 6.5',
  lock: 'M6.5 10.5h11v9h-11zM9 10.5V8a3 3 0 0 1 6 0v2.5',
  globe:
    'M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0zM4.5 12h15M12 4c2.5 2.5 3 5 3 8s-.5 5.5-3 8c-2.5-2.5-3-5-3-8s.5-5.5 3-8z',
  good: 'M5 12.5 10 17.5 19 7',
  info: 'M12 11v6M12 7.5v.01',
  warning: 'M12 5v8.5M12 18v.01',
  error: 'M6 6l12 12M18 6 6 18',
  edit: 'M5 19l1-4L16.5 4.5l3 3L9 18zM14 7l3 3',
  remove: 'M5 7h14M9.5 7V4.5h5V7M7 7l1 12.5h8L17 7M10.5 10.5v5.5M13.5 10.5v5.5',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
