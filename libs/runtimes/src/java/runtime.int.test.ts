import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { detectRuntimes } from '../detect.ts'
import { runtimePrograms } from '../managed.ts'
import { HostSide } from '../testing/host-side.ts'
import { compileJar, compileJava } from '../testing/java-classes.ts'

const id = '01234567-89ab-4def-8123-456789abcdef'
const javas = detectRuntimes().filter((runtime) => runtime.language === 'java')

const functions = {
  'shop/Order.java': `package shop;
import java.util.*;
public class Order {
  public enum Size { SMALL, LARGE }
  public record Item(String name, int quantity, Optional<Size> size) {}
  private String customer;
  private Map<String, List<Item>> itemsByShelf;
  public long at;
  public String getCustomer() { return customer; }
  public void setCustomer(String customer) { this.customer = customer; }
  public Map<String, List<Item>> getItemsByShelf() { return itemsByShelf; }
  public void setItemsByShelf(Map<String, List<Item>> items) { this.itemsByShelf = items; }
  public boolean isEmpty() { return itemsByShelf == null; }
}`,
  'shop/Echo.java': `package shop;
import com.amazonaws.services.lambda.runtime.*;
public class Echo extends Echoing<Order> {}
abstract class Echoing<T> implements RequestHandler<T, T> {
  private int calls;
  @Override public T handleRequest(T input, Context context) {
    calls += 1;
    System.out.println("call " + calls + " of " + input.getClass().getSimpleName());
    System.err.print("no end of line");
    context.getLogger().log("two\\nlines");
    return input;
  }
}`,
  'shop/Facts.java': `package shop;
import com.amazonaws.services.lambda.runtime.*;
import java.util.*;
public class Facts implements RequestHandler<Map<String, Object>, Map<String, Object>> {
  @Override public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
    Map<String, Object> facts = new TreeMap<>();
    facts.put("id", context.getAwsRequestId());
    facts.put("arn", context.getInvokedFunctionArn());
    facts.put("memory", context.getMemoryLimitInMB());
    facts.put("name", context.getFunctionName());
    facts.put("inTime", context.getRemainingTimeInMillis() > 0);
    facts.put("custom", context.getClientContext().getCustom());
    facts.put("title", context.getClientContext().getClient().getAppTitle());
    facts.put("identity", context.getIdentity().getIdentityId());
    facts.put("trace", System.getProperty("com.amazonaws.xray.traceHeader"));
    facts.put("variable", System.getenv("X"));
    facts.put("here", new java.io.File("shop").isDirectory());
    facts.put("heapMb", Runtime.getRuntime().maxMemory() >> 20);
    facts.put("numbers", event.get("numbers"));
    return facts;
  }
}`,
  'shop/Bytes.java': `package shop;
import com.amazonaws.services.lambda.runtime.*;
import java.io.*;
public class Bytes implements RequestStreamHandler {
  @Override public void handleRequest(InputStream in, OutputStream out, Context context) throws IOException {
    out.write("{\\"got\\":".getBytes());
    in.transferTo(out);
    out.write('}');
  }
}`,
  'shop/Methods.java': `package shop;
import com.amazonaws.services.lambda.runtime.*;
import java.util.*;
public class Methods {
  public int sum(List<Integer> numbers) { int sum = 0; for (int one : numbers) sum += one; return sum; }
  public static String shout(String text, Context context) { return text.toUpperCase() + context.getFunctionName(); }
  public String shout(String text) { return "the wrong one"; }
  public void nothing() {}
  public void fails(Order order) { throw new IllegalStateException("closed", new java.io.IOException("no key")); }
  public String overflow(int depth) { return overflow(depth + 1) + "."; }
  public Object cycle() { List<Object> list = new ArrayList<>(); list.add(list); return list; }
  public String large() { return "x".repeat(6_291_555); }
  public int exit() { System.exit(3); return 0; }
  public String fromLayer() throws Exception { return Class.forName("layer.Greeting").getMethod("text").invoke(null).toString(); }
  public void levels(String event, Context context) {
    context.getLogger().log("kept", com.amazonaws.services.lambda.runtime.logging.LogLevel.WARN);
    context.getLogger().log("dropped", com.amazonaws.services.lambda.runtime.logging.LogLevel.DEBUG);
  }
}`,
  'shop/Values.java': `package shop;
import com.amazonaws.services.lambda.runtime.*;
import java.time.*;
import java.util.*;
public class Values implements RequestHandler<Values.All, Values.All> {
  public static class Code {
    private final String code;
    public Code(String code) { this.code = code; }
    public String getCode() { return code; }
  }
  public static class Address {
    private final String street;
    private final List<Integer> numbers;
    public Address(String street) { this(street, List.of()); }
    public Address(String street, List<Integer> numbers) { this.street = street; this.numbers = numbers; }
    public String getStreet() { return street; }
    public List<Integer> getNumbers() { return numbers; }
  }
  public static class All {
    public java.nio.ByteBuffer data; public byte[] bytes; public Instant instant; public LocalDate day; public Duration length;
    public Date date; public UUID id; public Code code; public Address address; public Map<Order.Size, long[][]> grid;
    public Optional<Double> share; public java.math.BigDecimal price; public char letter; public Set<String> words;
  }
  @Override public All handleRequest(All all, Context context) { return all; }
}`,
  'shop/Broken.java': `package shop;
public class Broken { static { if (true) throw new IllegalArgumentException("not today"); } public void run() {} }`,
}

test('the host has a Java of release 17 or later, and a compiler', () => {
  expect(javas).not.toEqual([])
})

describe.each(javas)('$id', ({ binary, version, client = '' }) => {
  let classes: Record<string, Buffer>
  let layer: Buffer
  const home = dirname(dirname(binary))
  beforeAll(async () => {
    classes = await compileJava(home, client, functions)
    layer = await compileJar(home, client, {
      'layer/Greeting.java':
        'package layer; public class Greeting { public static String text() { return "from a layer"; } }',
    })
  })

  const started = async (handler: string, environment: Record<string, string> = {}, logFormat = 'Text', more = {}) => {
    const command = ['/usr/bin/python3', '-I', '-S', join(runtimePrograms.custom, 'launch.py')]
    const host = await HostSide.start([...command, 'java', version, binary, client], { ...classes, ...more })
    expect(JSON.parse((await host.answer()).body)).toEqual({ language: 'java', version })
    const own = { _HANDLER: handler, LAMBDA_TASK_ROOT: host.taskRoot, AWS_LAMBDA_LOG_FORMAT: logFormat }
    const facts = { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256', AWS_LAMBDA_FUNCTION_NAME: 'f' }
    host.init(handler, { ...own, ...facts, ...environment }, logFormat)
    return host
  }
  const ready = async (...args: Parameters<typeof started>) => {
    const host = await started(...args)
    expect(await host.answer()).toEqual({ logs: [], type: 17, body: '' })
    return host
  }
  const call = async (host: HostSide, payload = '{}', header = {}) => {
    host.invoke(id, payload, header)
    const { logs, type, body } = await host.answer()
    expect(body.slice(0, 36)).toBe(id)
    return { logs, type, value: JSON.parse(body.slice(36)) }
  }

  test('translates beans, records, generics and enums both ways, and keeps its state from call to call', async () => {
    await using host = await ready('shop.Echo')
    const event = {
      customer: 'Zoë ✓',
      itemsByShelf: { tea: [{ name: 'Assam', quantity: 2, size: 'LARGE' }], odd: [{ name: 'x', quantity: 1 }] },
      at: 1_700_000_000_000,
      unknown: [1, { deep: true }],
    }
    const { logs, value } = await call(host, JSON.stringify(event))
    expect(value).toEqual({
      customer: event.customer,
      itemsByShelf: {
        tea: [{ name: 'Assam', quantity: 2, size: 'LARGE' }],
        odd: [{ name: 'x', quantity: 1, size: null }],
      },
      at: event.at,
      empty: false,
    })
    expect(logs).toEqual(['call 1 of Order', 'two\nlines', 'no end of line'])
    // Names are matched without regard to case when they do not match exactly.
    const again = await call(host, '{"Customer":"Ada","ITEMSBYSHELF":null}')
    expect(again.value).toEqual({ customer: 'Ada', itemsByShelf: null, at: 0, empty: true })
    expect(again.logs[0]).toBe('call 2 of Order')
  })

  test('translates bytes, times, and classes that are made of text or in one go', async () => {
    await using host = await ready('shop.Values')
    const event = {
      ...{ data: 'AAH/', bytes: 'aGk=', instant: '2026-01-02T03:04:05.678Z', day: '2026-01-02', length: 'PT5S' },
      ...{ id: '01234567-89ab-4def-8123-456789abcdef', address: { street: 'x', numbers: [1, 2] }, share: 0.5 },
      ...{ grid: { SMALL: [[1], [2, 3]] }, price: 12.5, letter: 'é', words: ['b', 'a'] },
    }
    const { value } = await call(host, JSON.stringify({ ...event, date: '2026-01-01T00:00:00Z', code: 'c-1' }))
    expect(value).toEqual({ ...event, date: Date.UTC(2026, 0, 1), code: { code: 'c-1' } })
    expect((await call(host, '{"instant":"noon"}')).value.cause.errorMessage).toMatch(
      /^'noon' is no java.time.Instant$/,
    )
  })

  test('tells the context, has the real environment and folder, and a heap of the function’s size', async () => {
    await using host = await ready('shop.Facts', { X: 'y' })
    const { value } = await call(host, '{"numbers":[1,2.5,12345678901,-1e3,123456789012345678901234567890]}', {
      traceId: 'Root=1-2-3',
      clientContext: JSON.stringify({ client: { app_title: 'app' }, custom: { a: 'b' } }),
      identity: JSON.stringify({ cognitoIdentityId: 'who', cognitoIdentityPoolId: 'pool' }),
    })
    const { heapMb, ...facts } = value
    expect(facts).toEqual({
      ...{ id, arn: 'arn:x', memory: 256, name: 'f', inTime: true, custom: { a: 'b' }, title: 'app', identity: 'who' },
      ...{ trace: 'Root=1-2-3', variable: 'y', here: true },
      numbers: [1, 2.5, 12345678901, -1000, Number('123456789012345678901234567890')],
    })
    expect(heapMb).toBeGreaterThan(100)
    expect(heapMb).toBeLessThanOrEqual(128)
  })

  test('JAVA_TOOL_OPTIONS decides over the options that the runtime would choose', async () => {
    await using host = await started('shop.Facts', { JAVA_TOOL_OPTIONS: '-Xmx100m -XX:+UseParallelGC' })
    expect((await host.answer()).type).toBe(17)
    const { value } = await call(host, '{}', { clientContext: '{"client":{}}' })
    expect(value.heapMb).toBeLessThanOrEqual(100)
  })

  test('a stream handler gets and gives bytes', async () => {
    await using host = await ready('shop.Bytes')
    expect((await call(host, '[1, "é"]')).value).toEqual({ got: [1, 'é'] })
  })

  test.each([
    ['sum', '[1,2,3]', 6],
    ['shout', '"hi "', 'HI f'],
    ['nothing', '{}', null],
    ['fromLayer', '{}', 'from a layer'],
  ])('runs the method %s', async (method, event, answer) => {
    await using host = await ready(`shop.Methods::${method}`, {}, 'Text', { '../opt/java/lib/greeting.jar': layer })
    expect((await call(host, event)).value).toEqual(answer)
  })

  test('tells an exception by type, message, trace and cause, and goes on', async () => {
    await using host = await ready('shop.Methods::fails')
    const failed = await call(host)
    expect(failed.type).toBe(20)
    expect(failed.value).toEqual({
      errorMessage: 'closed',
      errorType: 'java.lang.IllegalStateException',
      stackTrace: ['shop.Methods.fails(Methods.java:9)'],
      cause: {
        errorMessage: 'no key',
        errorType: 'java.io.IOException',
        stackTrace: ['shop.Methods.fails(Methods.java:9)'],
      },
    })
    expect(failed.logs[0]).toMatch(
      /^closed: java\.lang\.IllegalStateException\njava\.lang\.IllegalStateException: closed\n\tat shop\.Methods\.fails\(Methods\.java:9\)\nCaused by: /,
    )
    expect((await call(host, '{"at":"soon"}')).value).toMatchObject({
      errorType: 'java.lang.RuntimeException',
      errorMessage: 'An error occurred during JSON parsing',
      cause: { errorMessage: 'soon is no long' },
    })
  })

  test.each([
    ['cycle', 20, { errorMessage: 'An error occurred during JSON serialization of response' }],
    ['large', 20, { errorType: 'Function.ResponseSizeTooLarge' }],
    ['overflow', 22, { errorType: 'java.lang.StackOverflowError' }],
  ])('what %s does is answered in frame %i', async (method, type, document) => {
    await using host = await ready(`shop.Methods::${method}`)
    const answer = await call(host, method === 'overflow' ? '1' : '{}')
    expect(answer.type).toBe(type)
    expect(answer.value).toMatchObject(document)
    if (type === 22) expect(await host.exited).toBe(0)
  })

  test('System.exit ends the environment with its status', async () => {
    await using host = await ready('shop.Methods::exit')
    host.invoke(id, '{}')
    expect(await host.exited).toBe(3)
  })

  test('writes JSON logs of the level that is asked for', async () => {
    await using host = await ready('shop.Methods::levels', { AWS_LAMBDA_LOG_LEVEL: 'INFO' }, 'JSON')
    const { logs } = await call(host, '"x"')
    expect(logs.map((line) => JSON.parse(line))).toEqual([
      { timestamp: expect.stringMatching(/^\d{4}-.*Z$/), message: 'kept', level: 'WARN', AWSRequestId: id },
    ])
  })

  test.each([
    ['shop.Missing', 'java.lang.ClassNotFoundException', 'Class not found: shop.Missing'],
    [
      'shop.Order',
      'java.lang.ClassCastException',
      'Class shop.Order does not implement an appropriate handler interface',
    ],
    [
      'shop.Order::missing',
      'java.lang.NoSuchMethodException',
      'No public method named missing with appropriate method signature found on class shop.Order',
    ],
    ['shop.Broken::run', 'java.lang.ExceptionInInitializerError', null],
  ])('tells why %s does not initialise', async (handler, errorType, errorMessage) => {
    await using host = await started(handler)
    const { type, body } = await host.answer()
    expect(type).toBe(18)
    expect(JSON.parse(body)).toMatchObject({ errorType, errorMessage })
  })
})
