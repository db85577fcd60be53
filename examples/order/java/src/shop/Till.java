package shop;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;

/** Adds up orders. */
public class Till implements RequestHandler<Order, Receipt> {
  /** Kept between the calls of one environment. */
  private int calls;

  @Override
  public Receipt handleRequest(Order order, Context context) {
    calls += 1;
    context.getLogger().log("order of " + order.customer());
    if (order.items() == null || order.items().isEmpty()) throw new EmptyOrder(order.customer());
    if (order.preparationMs() > 0) prepare(order.preparationMs());
    int total = order.items().stream().mapToInt(item -> item.quantity() * item.priceCents()).sum();
    String runtime = "java " + Runtime.version().feature();
    return new Receipt(order.customer(), total, runtime, context.getAwsRequestId(), context.getFunctionName(), calls);
  }

  private static void prepare(int ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
