#pragma once

#include <caf/mailbox_element.hpp>

namespace interp_actors {

/// A singly linked list of mailbox elements, first in first out. Owns none of them: whoever holds the list empties it.
/// Thread: one at a time.
struct element_list {
  using element_type = caf::mailbox_element;

  element_type* first = nullptr;
  element_type* last = nullptr;

  void push_back(element_type* element) noexcept {
    element->next = nullptr;
    if (last)
      last->next = element;
    else
      first = element;
    last = element;
  }

  element_type* pop_front() noexcept {
    auto* element = first;
    if (element) {
      first = static_cast<element_type*>(element->next);
      if (!first)
        last = nullptr;
      element->next = nullptr;
    }
    return element;
  }
};

} // namespace interp_actors
