import type { TlsPort } from './http/http-door.ts'

export interface FrontendConfig {
  readonly region: string
  readonly http: {
    readonly host: string
    /** 0: the system chooses. */
    readonly port: number
    /** How clients reach the port, where that is not `http://host:port`; for links in answers. */
    readonly publicUrl?: string
    /**
     * Below which function URLs lie: `<id>.lambda-url.<region>.<domain>`. Names below `localhost` lead to this machine by
     * themselves; any other needs a wildcard entry in the DNS. `localhost` when absent.
     */
    readonly urlDomain?: string
    /** A second port that speaks TLS, with the operator's certificate. None when absent. */
    readonly tls?: TlsPort
  }
  /** Origins from which keys of token issuers may be had without TLS. None when absent. */
  readonly plainIssuers?: readonly string[]
  /** Where container images come from. */
  readonly images?: {
    /** Registries that may be on any address, `host[:port]`, or `http://host[:port]`; others only on the public internet. */
    readonly registries?: readonly string[]
    /** Of the shape of docker's config.json; read whenever a registry asks for credentials. */
    readonly credentialsFile?: string
  }
  readonly maxConnections: number
  /** For a whole request to arrive, ms. */
  readonly requestTimeoutMs: number
  /** For the headers of a request to arrive, ms. */
  readonly headersTimeoutMs: number
  /** How long a stop waits for requests that run, ms. */
  readonly stopMs: number
}

export const frontendDefaults: FrontendConfig = {
  region: 'us-east-1',
  http: { host: '127.0.0.1', port: 0 },
  maxConnections: 10_000,
  requestTimeoutMs: 120_000,
  headersTimeoutMs: 15_000,
  stopMs: 30_000,
}
