package shop;

import java.util.List;

/** The event. The runtime makes records and beans of JSON, generic ones too. */
public record Order(String customer, List<Item> items, int preparationMs) {
  public record Item(String name, int quantity, int priceCents) {}
}
