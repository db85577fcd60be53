/** `Type` as the publisher gave it (`String`, `Number.int`, `Binary`, `String.Array`); binary values in base64. */
export interface MessageAttribute {
  readonly Type: string
  readonly Value: string
}

/** A message of a topic, as functions are to see it. */
export interface TopicMessage {
  /** UUID. */
  readonly id: string
  readonly subject?: string
  readonly message: string
  readonly attributes: Readonly<Record<string, MessageAttribute>>
  readonly publishedAtMs: number
  /** X-Amzn-Trace-Id form: carries the lineage on, by which loops are found. */
  readonly traceHeader?: string
}

/** Attributes that a message carries, bytes: they count as much as the message. SNS developer guide, "Message attributes". */
export const attributeBytes = (attributes: TopicMessage['attributes']): number =>
  Object.entries(attributes).reduce(
    (sum, [name, { Type, Value }]) =>
      sum + Buffer.byteLength(name) + Buffer.byteLength(Type) + Buffer.byteLength(Value),
    0,
  )

/**
 * The event of a function that a topic calls. Lambda developer guide, "Invoking Lambda functions with Amazon SNS
 * notifications". It comes over the fabric alone, so there is nothing that would be signed.
 */
export const topicEvent = (
  { id, subject, message, attributes, publishedAtMs }: TopicMessage,
  { topicArn, subscriptionId }: { readonly topicArn: string; readonly subscriptionId: string },
) => ({
  Records: [
    {
      EventSource: 'aws:sns',
      EventVersion: '1.0',
      EventSubscriptionArn: `${topicArn}:${subscriptionId}`,
      Sns: {
        Type: 'Notification',
        MessageId: id,
        TopicArn: topicArn,
        Subject: subject ?? null,
        Message: message,
        Timestamp: new Date(publishedAtMs).toISOString(),
        SignatureVersion: '1',
        Signature: '',
        SigningCertUrl: '',
        UnsubscribeUrl: `/?Action=Unsubscribe&SubscriptionArn=${topicArn}:${subscriptionId}`,
        MessageAttributes: attributes,
      },
    },
  ],
})
