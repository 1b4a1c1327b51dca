// One hook for each thing that the server can be asked. Live updates come as
// hints over the event stream (events.ts) that make these fetch again; the
// intervals here are what remains when the stream is down.
import { keepPreviousData, QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, isFinal, post, remove } from './client';
import { queryInstant, queryRange, type Range } from './prom';
import type {
  AddedSource,
  Decision,
  Incident,
  Me,
  NewSource,
  Now,
  ServiceMap,
  Snippet,
  Source,
  Sources,
  Stop,
} from './types';

const v1 = '/steersman/v1';

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 2_000,
        retry: (n, err) => !isFinal(err) && n < 2,
        retryDelay: (n) => Math.min(500 * 2 ** n, 5_000),
        refetchOnWindowFocus: true,
      },
    },
  });
}

export const useMe = () =>
  useQuery({ queryKey: ['me'], queryFn: ({ signal }) => get<Me>(`${v1}/me`, signal), refetchInterval: 60_000 });

export const useNow = () =>
  useQuery({ queryKey: ['now'], queryFn: ({ signal }) => get<Now>(`${v1}/now`, signal), refetchInterval: 10_000 });

export const useMap = () =>
  useQuery({
    queryKey: ['map'],
    queryFn: ({ signal }) => get<ServiceMap>(`${v1}/map`, signal),
    refetchInterval: 5_000,
  });

export type IncidentFilter = 'all' | 'open' | 'resolved';

export const useIncidents = (state: IncidentFilter) =>
  useQuery({
    queryKey: ['incidents', state],
    queryFn: async ({ signal }) => {
      const filter = state === 'all' ? '' : `state=${state}&`;
      return (
        (await get<{ incidents: Incident[] | null }>(`${v1}/incidents?${filter}limit=200`, signal)).incidents ?? []
      );
    },
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });

export const useIncident = (id: string) =>
  useQuery({
    queryKey: ['incident', id],
    queryFn: ({ signal }) => get<Incident>(`${v1}/incidents/${encodeURIComponent(id)}`, signal),
    enabled: id !== '',
    refetchInterval: 15_000,
  });

export const useDecisions = (open: boolean, incident = '') =>
  useQuery({
    queryKey: ['decisions', open, incident],
    queryFn: async ({ signal }) => {
      const p = new URLSearchParams({ limit: '200' });
      if (open) p.set('open', 'true');
      if (incident) p.set('incident', incident);
      return (await get<{ decisions: Decision[] | null }>(`${v1}/decisions?${p}`, signal)).decisions ?? [];
    },
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });

export const useDecision = (id: string) =>
  useQuery({
    queryKey: ['decision', id],
    queryFn: ({ signal }) => get<Decision>(`${v1}/decisions/${encodeURIComponent(id)}`, signal),
    refetchInterval: 10_000,
  });

export const useRange = (query: string, range: Range, enabled = true) =>
  useQuery({
    queryKey: ['range', query, range.from, range.to, range.step],
    queryFn: ({ signal }) => queryRange(query, range, signal),
    enabled: enabled && query !== '',
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });

export const useInstant = (query: string, at: number) =>
  useQuery({
    queryKey: ['instant', query, at],
    queryFn: ({ signal }) => queryInstant(query, at, signal),
    enabled: query !== '',
    placeholderData: keepPreviousData,
    gcTime: 60_000,
  });

export type Answer = 'approve' | 'refuse' | 'revert';

/** A person's answer to a proposal. */
export function useAnswer(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ answer, why }: { answer: Answer; why: string }) =>
      post<Decision>(`${v1}/decisions/${encodeURIComponent(id)}/${answer}`, why ? { why } : {}),
    onSuccess: (d) => client.setQueryData(['decision', id], d),
    onSettled: () => {
      for (const key of ['now', 'decisions', 'decision']) client.invalidateQueries({ queryKey: [key] });
    },
  });
}

/** The kill switch. */
export function useStop() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ engage, why }: { engage: boolean; why: string }) =>
      post<Stop>(`${v1}/${engage ? 'stop' : 'resume'}`, why ? { why } : {}),
    onSuccess: (stop) => client.setQueryData<Me>(['me'], (me) => me && { ...me, stop }),
    onSettled: () => client.invalidateQueries(),
  });
}

export const useSources = () =>
  useQuery({
    queryKey: ['sources'],
    queryFn: ({ signal }) => get<Sources>(`${v1}/sources`, signal),
    refetchInterval: 5_000,
  });

export const useSource = (name: string) =>
  useQuery({
    queryKey: ['source', name],
    queryFn: ({ signal }) => get<Source>(`${v1}/sources/${encodeURIComponent(name)}`, signal),
    refetchInterval: 5_000,
  });

/** How to connect a sender of that kind: as a source that has a token, or as none. */
export const useSnippet = (kind: string, source: string) =>
  useQuery({
    queryKey: ['connect', kind, source],
    queryFn: ({ signal }) => get<Snippet>(`${v1}/connect?${new URLSearchParams({ kind, source })}`, signal),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });

export function useAddSource() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (source: NewSource) => post<AddedSource>(`${v1}/sources`, source),
    onSettled: () => client.invalidateQueries({ queryKey: ['sources'] }),
  });
}

export function useRemoveSource() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => remove<Source>(`${v1}/sources/${encodeURIComponent(name)}`),
    onSettled: () => client.invalidateQueries({ queryKey: ['sources'] }),
  });
}
