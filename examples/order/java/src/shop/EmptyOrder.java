package shop;

/** An order without items; its name and message are what the caller sees. */
public class EmptyOrder extends RuntimeException {
  private static final long serialVersionUID = 1;

  public EmptyOrder(String customer) {
    super("the order of " + customer + " has no items");
  }
}
