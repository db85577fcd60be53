import type { AccountId, AwsError, Result } from '@weft/contracts'

/** Who calls, as the credentials have proven it. */
export interface Principal {
  /** Account that the caller acts in. */
  readonly accountId: AccountId
  /** Account that the caller belongs to, where it is another one: a resource's policy has let it in. */
  readonly homeAccountId?: AccountId
  /** `arn:aws:iam::ACCOUNT:root`, an IAM user, or an assumed role. */
  readonly arn: string
  /** Key or user the call came with; for logs and audit, never a secret. */
  readonly keyId: string
  /** An IAM user. The root of the account is neither a user nor a session. */
  readonly user?: { readonly name: string; readonly id: string }
  /** Credentials of a user or of the root that end by themselves, as GetSessionToken gives them. */
  readonly temporary?: true
  /** A role that was assumed, by a function that runs with it or through STS. */
  readonly session?: RoleSession
}

export interface RoleSession {
  readonly roleArn: string
  /** Of the role that was assumed; absent where a function runs with it. */
  readonly roleId?: string
  /** The function's name where a function runs with the role. */
  readonly sessionName: string
  /** Document that narrows what the role may do. */
  readonly policy?: string
  /** ARNs of managed policies that do the same. */
  readonly policyArns?: readonly string[]
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
  /** Names and values in turns, as they arrived. */
  readonly headerList?: readonly string[]
  /** Address the request came from. */
  readonly sourceIp?: string
  /** "1.1". */
  readonly httpVersion?: string
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
  /** Values of Set-Cookie headers. */
  readonly cookies?: readonly string[]
  /** One that comes in parts is sent as it comes; a rejection breaks the connection off, so that the client sees the cut. */
  readonly body: Uint8Array | string | AsyncIterable<Uint8Array>
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
  /** Beginning of the paths where a caller may tell its secret as a bearer token instead of signing. */
  readonly tokenPath?: string
  /** Asked before the body is read. */
  bodyLimit(head: DoorHead): BodyLimit
  handle(request: DoorRequest): Promise<DoorResponse>
  /** Shapes a refusal that comes before `handle` (authentication, size, internal error) in the service's protocol. */
  refuse(error: AwsError, head: DoorHead): DoorResponse
}

/** A request whose credentials are known, as far as that is possible without its body, which may be read. */
export interface Admitted {
  readonly bodyLimit: BodyLimit
  /** Hands the request on, once its body fits its signature. Never rejects. */
  handle(body: Buffer, signal: AbortSignal): Promise<DoorResponse>
  refuse(error: AwsError): DoorResponse
}

/** Sites behind the HTTP port that are known by host name or path and let callers in each by its own rules. */
export interface SiteDoor {
  /** Undefined: the request is for none of these sites. The error is an answer, of a refusal or not. */
  admit(head: DoorHead): Result<Admitted, DoorResponse> | undefined
}
