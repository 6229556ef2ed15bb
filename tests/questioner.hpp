#pragma once

#include "interp_actors/all.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_companion.hpp>
#include <caf/actor_system.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "support.hpp"

namespace ia_test {

/// Sends any number of requests without waiting, and keeps account: each must get one answer, and one alone.
/// Thread: one; answers come in any.
class questioner {
public:
  /// Returns whether the answer to a request is right. Called by the thread that brings it.
  using judge = std::function<bool(const caf::message&)>;

  struct account {
    std::size_t asked = 0;
    std::size_t answered = 0;
    /// Answers to requests that had been answered, or never been sent.
    std::size_t surplus = 0;
    std::size_t wrong = 0;

    bool operator==(const account&) const = default;
    friend std::ostream& operator<<(std::ostream& out, const account& x) {
      return out << x.asked << " asked, " << x.answered << " answered, " << x.surplus
                 << " answered more than once, " << x.wrong << " wrong";
    }
  };

  explicit questioner(caf::actor_system& system)
      : self_{caf::actor_cast<caf::strong_actor_ptr>(system.spawn<inbox, caf::hidden>())},
        inbox_{static_cast<inbox*>(self_->get())} {}

  void ask(const ia::interpreter_actor& receiver, caf::message content, judge is_right,
           caf::message_priority priority = caf::message_priority::normal) {
    auto id = inbox_->new_request_id(priority);
    inbox_->expect(id.response_id(), std::move(is_right));
    caf::actor_cast<caf::strong_actor_ptr>(receiver)->enqueue(
        ia::compat::make_element(self_, id, std::move(content)), nullptr);
  }

  /// Waits until at most `most` requests are unanswered; returns whether it came to that.
  bool wait_for_answers(std::size_t most = 0) { return inbox_->wait(most); }

  account read() const { return inbox_->read(); }

private:
  class inbox final : public caf::actor_companion {
  public:
    using caf::actor_companion::actor_companion;
    using caf::actor_companion::enqueue;

    bool enqueue(caf::mailbox_element_ptr element, ia::compat::execution_context*) override {
      std::unique_lock guard{mutex_};
      auto found = open_.find(element->mid.integer_value());
      if (found == open_.end()) {
        ++account_.surplus;
        return true;
      }
      auto is_right = std::move(found->second);
      open_.erase(found);
      ++account_.answered;
      if (!is_right(element->payload))
        ++account_.wrong;
      changed_.notify_all();
      return true;
    }

    void expect(caf::message_id response, judge is_right) {
      std::lock_guard guard{mutex_};
      ++account_.asked;
      open_.emplace(response.integer_value(), std::move(is_right));
    }

    bool wait(std::size_t most) {
      std::unique_lock guard{mutex_};
      return changed_.wait_for(guard, patience, [&] { return open_.size() <= most; });
    }

    account read() const {
      std::lock_guard guard{mutex_};
      return account_;
    }

  private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::uint64_t, judge> open_;
    account account_;
  };

  caf::strong_actor_ptr self_; // an actor of class `inbox`
  inbox* inbox_;
};

/// A judge that wants `bytes`.
inline questioner::judge wants(std::string bytes) {
  return [bytes = std::move(bytes)](const caf::message& answer) {
    return answer.match_elements<ia::shared_bytes>()
           && answer.get_as<ia::shared_bytes>(0).as_string_view() == bytes;
  };
}

/// A judge that wants the error `code`.
template <class Code>
questioner::judge wants_error(Code code) {
  return [code](const caf::message& answer) {
    return answer.match_elements<caf::error>() && answer.get_as<caf::error>(0) == code;
  };
}

} // namespace ia_test
