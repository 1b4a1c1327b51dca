import { setNonce } from 'get-nonce';
import { createRoot } from 'react-dom/client';
import { Live } from './api/events';
import { newQueryClient } from './api/queries';
import { App } from './app';
import '@mantine/core/styles.css';
import './theme/tokens.css';
import './theme/base.css';

// The Content-Security-Policy permits a style element only with the nonce of
// this response; Mantine and its dialogs' scroll lock make such elements.
const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
setNonce(nonce);

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no element with the id "root"');
const client = newQueryClient();
const live = new Live(client);
live.start();
createRoot(root).render(<App client={client} live={live} nonce={nonce} />);
