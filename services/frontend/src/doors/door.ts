import type { AccountId, AwsError } from '@weft/contracts'

/** Who calls, as the credentials have proven it. */
export interface Principal {
  readonly accountId: AccountId
  /** `arn:aws:iam::ACCOUNT:root`, or the assumed role of a function that calls with its session credentials. */
  readonly arn: string
  /** Key or user the call came with; for logs and audit, never a secret. */
  readonly keyId: string
  /** Set when a function calls with its session credentials. */
  readonly session?: { readonly roleArn: string; readonly functionName: string }
}

/** What is known of an HTTP request before its body is read. Header names are lower case. */
export interface DoorHead {
  /** UUID; `x-amzn-RequestId` of the reply and, for Invoke, the invocation's request id. */
  readonly requestId: string
  readonly method: string
  /** As sent: percent-encoded, without the query. */
  readonly rawPath: string
  /** As sent, without `?`; "" when there is none. */
  readonly rawQuery: string
  /** Values of a repeated header are joined by ", " in the order of arrival. */
  readonly headers: Readonly<Record<string, string>>
}

/** An authenticated request whose body has been read whole and checked against its signature. */
export interface DoorRequest extends DoorHead {
  readonly body: Buffer
  readonly principal: Principal
  /** Aborts when the client has gone; the answer will be dropped. */
  readonly signal: AbortSignal
}

export interface DoorResponse {
  readonly status: number
  /** The server adds content-length, date and, unless set, `x-amzn-RequestId`. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string
}

export interface BodyLimit {
  readonly limitBytes: number
  /** The refusal of a body that is larger; `sizeBytes` is the declared size, or what had arrived when reading stopped. */
  readonly tooLarge: (sizeBytes: number) => AwsError
}

/**
 * One AWS service behind the HTTP door, chosen by the service name in the credential scope of the signature.
 * Expected refusals are responses; a rejection is a bug or broken I/O and becomes a 500.
 */
export interface AwsDoor {
  /** Name in the credential scope: `lambda`, `s3`, `logs`, `sts`. */
  readonly service: string
  /** Asked before the body is read. */
  bodyLimit(head: DoorHead): BodyLimit
  handle(request: DoorRequest): Promise<DoorResponse>
  /** Shapes a refusal that comes before `handle` (authentication, size, internal error) in the service's protocol. */
  refuse(error: AwsError, head: DoorHead): DoorResponse
}
