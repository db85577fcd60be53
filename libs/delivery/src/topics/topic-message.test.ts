import { expect, it } from 'vitest'
import { attributeBytes, topicEvent } from './topic-message.ts'

const topicArn = 'arn:aws:sns:us-east-1:123456789012:sns-lambda'
const subscriptionId = '21be56ed-a058-49f5-8c98-aedd2564c486'
const message = {
  ...{ id: '95df01b4-ee98-5cb9-9903-4c221d41eb5e', message: 'Hello from SNS!', subject: 'TestInvoke' },
  attributes: { Test: { Type: 'String', Value: 'TestString' }, TestBinary: { Type: 'Binary', Value: 'VGVzdA==' } },
  publishedAtMs: Date.UTC(2019, 0, 2, 12, 45, 7),
}

it('makes the event of the Lambda developer guide, whose signature is empty', () => {
  expect(topicEvent(message, { topicArn, subscriptionId })).toEqual({
    Records: [
      {
        EventVersion: '1.0',
        EventSubscriptionArn: `${topicArn}:${subscriptionId}`,
        EventSource: 'aws:sns',
        Sns: {
          SignatureVersion: '1',
          Timestamp: '2019-01-02T12:45:07.000Z',
          Signature: '',
          SigningCertUrl: '',
          MessageId: '95df01b4-ee98-5cb9-9903-4c221d41eb5e',
          Message: 'Hello from SNS!',
          MessageAttributes: message.attributes,
          Type: 'Notification',
          UnsubscribeUrl: `/?Action=Unsubscribe&SubscriptionArn=${topicArn}:${subscriptionId}`,
          TopicArn: topicArn,
          Subject: 'TestInvoke',
        },
      },
    ],
  })
})

it('has no subject where none was given', () => {
  const { subject: _, ...plain } = message
  expect(topicEvent(plain, { topicArn, subscriptionId }).Records[0]?.Sns.Subject).toBeNull()
})

it('counts names, types and values of attributes', () => {
  expect(attributeBytes({ ä: { Type: 'String', Value: 'abc' } })).toBe(2 + 6 + 3)
})
