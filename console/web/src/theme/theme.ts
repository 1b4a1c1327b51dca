// Mantine's parts in the instrument's colours.
import { Button, type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core';

const sea: MantineColorsTuple = [
  '#e5effa',
  '#c9dff5',
  '#a3c8ee',
  '#7fb2e8',
  '#74b4ff',
  '#3f8ddd',
  '#1f72cb',
  '#0b5cb8',
  '#094c99',
  '#073b78',
];

export const theme = createTheme({
  primaryColor: 'sea',
  colors: { sea },
  primaryShade: { light: 7, dark: 6 },
  autoContrast: true,
  luminanceThreshold: 0.35,
  fontFamily: 'var(--font)',
  fontFamilyMonospace: 'var(--mono)',
  defaultRadius: 4,
  focusRing: 'auto',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Button: Button.extend({ defaultProps: { size: 'compact-sm' } }),
  },
});

const own = {
  '--mantine-color-body': 'var(--surface)',
  '--mantine-color-text': 'var(--text)',
  '--mantine-color-dimmed': 'var(--muted)',
  '--mantine-color-placeholder': 'var(--muted)',
  '--mantine-color-default': 'var(--surface)',
  '--mantine-color-default-hover': 'var(--sunken)',
  '--mantine-color-default-border': 'var(--line-strong)',
  '--mantine-color-default-color': 'var(--text)',
  '--mantine-color-anchor': 'var(--accent)',
  '--mantine-color-error': 'var(--harm)',
};

export const variables: CSSVariablesResolver = () => ({ variables: {}, light: own, dark: own });
