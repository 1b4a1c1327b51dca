import { MantineProvider } from '@mantine/core';
import { type QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { Route, Switch, useLocation } from 'wouter';
import type { Live } from './api/events';
import { Announcer } from './components/announcer';
import { Fence } from './components/fence';
import { LiveContext } from './components/shell/connection';
import { Shell } from './components/shell/shell';
import { SettingsProvider } from './lib/settings';
import { DecisionPage } from './pages/decision';
import { DecisionsPage } from './pages/decisions';
import { ExplorePage } from './pages/explore';
import { IncidentPage } from './pages/incident';
import { IncidentsPage } from './pages/incidents';
import { MapPage } from './pages/map';
import { NotFoundPage } from './pages/not-found';
import { NowPage } from './pages/now';
import { SourcesPage } from './pages/sources';
import { theme, variables } from './theme/theme';

interface Props {
  client: QueryClient;
  live: Live;
  nonce: string;
}

export function App({ client, live, nonce }: Props) {
  return (
    <QueryClientProvider client={client}>
      <MantineProvider
        theme={theme}
        cssVariablesResolver={variables}
        defaultColorScheme="auto"
        getStyleNonce={() => nonce}
      >
        <SettingsProvider>
          <Announcer>
            <LiveContext.Provider value={live}>
              <Shell>
                <Pages />
              </Shell>
            </LiveContext.Provider>
          </Announcer>
        </SettingsProvider>
      </MantineProvider>
    </QueryClientProvider>
  );
}

function Pages() {
  const [path] = useLocation();
  return (
    <Fence key={path}>
      <Switch>
        <Route path="/" component={NowPage} />
        <Route path="/map" component={MapPage} />
        <Route path="/incidents" component={IncidentsPage} />
        <Route path="/incidents/:id">{(p) => <IncidentPage key={p.id} id={decodeURIComponent(p.id)} />}</Route>
        <Route path="/decisions" component={DecisionsPage} />
        <Route path="/decisions/:id">{(p) => <DecisionPage key={p.id} id={decodeURIComponent(p.id)} />}</Route>
        <Route path="/explore" component={ExplorePage} />
        <Route path="/sources" component={SourcesPage} />
        <Route component={NotFoundPage} />
      </Switch>
    </Fence>
  );
}
