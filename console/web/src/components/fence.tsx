import { Component, type ErrorInfo, type ReactNode } from 'react';
import { Failure } from './states';

interface State {
  error?: Error;
}

/** Keeps a fault of one page from taking the header and its kill switch along. */
export class Fence extends Component<{ children: ReactNode }, State> {
  override state: State = {};

  static getDerivedStateFromError(error: Error): State {
    return { error };
  }

  override componentDidCatch(error: Error, info: ErrorInfo) {
    // biome-ignore lint/suspicious/noConsole: the only place left to tell a developer
    console.error(error, info.componentStack);
  }

  override render() {
    if (!this.state.error) return this.props.children;
    return <Failure error={this.state.error} what="this page" retry={() => this.setState({ error: undefined })} />;
  }
}
