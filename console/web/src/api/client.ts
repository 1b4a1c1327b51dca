// Calls to the server: JSON in, JSON out, a Problem thrown for everything else.

/** What the server answers when it cannot do as asked (RFC 9457), or what stands in the way of asking. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail ? `${title}: ${detail}` : title);
    this.name = 'Problem';
  }
}

/** Nobody is signed in, or the session has ended. */
export const isSignedOut = (err: unknown) => err instanceof Problem && err.status === 401;

/** True when asking again will not help: the answer was about the question. */
export const isFinal = (err: unknown) => err instanceof Problem && err.status >= 400 && err.status < 500;

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return answer<T>(path, { signal, headers: { Accept: 'application/json' } });
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  return answer<T>(path, {
    method: 'POST',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}

export async function remove<T>(path: string): Promise<T> {
  return answer<T>(path, { method: 'DELETE', headers: { Accept: 'application/json' } });
}

async function answer<T>(path: string, init: RequestInit): Promise<T> {
  let res: Response;
  try {
    res = await fetch(path, { ...init, credentials: 'same-origin' });
  } catch (err) {
    if (err instanceof DOMException && err.name === 'AbortError') throw err;
    throw new Problem(0, 'Steersman does not answer', 'Is it running, and is this machine connected to it?');
  }
  const body = await readBody(res);
  if (res.ok && body !== undefined) return body as T;
  throw problemOf(res, body);
}

async function readBody(res: Response): Promise<unknown> {
  try {
    return await res.json();
  } catch {
    return undefined;
  }
}

function problemOf(res: Response, body: unknown): Problem {
  const b = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const text = (key: string) => (typeof b[key] === 'string' ? (b[key] as string) : '');
  if (res.ok) return new Problem(res.status, 'The answer is not JSON', `It came from ${res.url}.`);
  return new Problem(res.status, text('title') || `The server answered ${res.status}`, text('detail') || text('error'));
}
