#pragma once

#include "interp_actors/actor/fleet_address.hpp"
#include "interp_actors/actor/fleet_queue.hpp"
#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/all.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_companion.hpp>
#include <caf/actor_system.hpp>

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "gate.hpp"

namespace ia_test {

/// An actor that asks, and keeps the answers in the order in which they came.
class asker final : public caf::actor_companion {
public:
  using caf::actor_companion::actor_companion;
  using caf::actor_companion::enqueue;

  struct answer {
    caf::message_id id;
    caf::message content;
  };

  bool enqueue(caf::mailbox_element_ptr element, ia::compat::execution_context*) override {
    {
      std::lock_guard guard{mutex_};
      answers_.push_back({element->mid, element->payload});
    }
    changed_.notify_all();
    return true;
  }

  /// Waits until `n` answers have come; returns whether they have.
  bool wait(std::size_t n) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, patience, [&] { return answers_.size() >= n; });
  }

  std::vector<answer> answers() {
    std::lock_guard guard{mutex_};
    return answers_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<answer> answers_;
};

/// A consumer of a fleet's queue, step by step: it has a mailbox for its bell, and nothing else.
class fake_member {
public:
  fake_member(ia::fleet_queue& queue, std::size_t slot) : queue_{queue} {
    box.attach(wake);
    queue.add_member(slot, box);
  }

  /// The next message's number, or -1.
  int pull() {
    now = {};
    return queue_.pull(box, now) ? now.element->payload.get_as<int>(0) : -1;
  }

  void leave() { queue_.leave(box); }
  void put_back() { queue_.put_back(box, std::move(now)); }

  /// Dies of the message that it handles.
  void die(const std::string& of) {
    auto death = std::make_shared<ia::death_report>();
    death->reason = ia::death_reason::exception;
    death->text = of;
    death->request = "work(int)";
    now.deaths.push_back(std::move(death));
    put_back();
    leave();
  }

  /// Whether its bell has been rung, since it was asked last.
  bool is_rung() { return wake->wait_until({}); }

  ia::mailbox box{ia::mailbox_limits{}};
  const std::shared_ptr<ia::bell> wake = box.make_bell();
  ia::delivery now;

private:
  ia::fleet_queue& queue_;
};

class Fleet : public ::testing::Test {
protected:
  Fleet() {
    ia::detail::init_types();
    config_.set("caf.scheduler.max-threads", 1);
    system_.emplace(config_);
    asker_ = caf::actor_cast<caf::strong_actor_ptr>(system_->spawn<asker, caf::hidden>());
  }

  std::shared_ptr<ia::fleet_queue> make_queue(ia::fleet_queue_options options = {}) {
    return std::make_shared<ia::fleet_queue>(std::move(options), office_,
                                             [this](auto& client, auto when) { timer_.arm(client, when); });
  }

  asker& me() { return *static_cast<asker*>(asker_->get()); }
  caf::actor_system& system() { return *system_; }

  caf::mailbox_element_ptr request(caf::message content,
                                   caf::message_priority priority = caf::message_priority::normal) {
    return ia::compat::make_element(asker_, me().new_request_id(priority), std::move(content));
  }
  bool ask(ia::fleet_queue& queue, int number, ia::time_point deadline = ia::no_deadline) {
    return queue.push(request(caf::make_message(number)), deadline);
  }
  static bool tell(ia::fleet_queue& queue, caf::message content, ia::time_point deadline = ia::no_deadline,
                   caf::message_priority priority = caf::message_priority::normal) {
    return queue.push(ia::compat::make_element(nullptr, caf::make_message_id(priority), std::move(content)),
                      deadline);
  }
  static bool tell(ia::fleet_queue& queue, int number, ia::time_point deadline = ia::no_deadline,
                   caf::message_priority priority = caf::message_priority::normal) {
    return tell(queue, caf::make_message(number), deadline, priority);
  }

  /// The error that the answer bears, or none.
  caf::error error_at(std::size_t index) {
    auto answers = me().answers();
    if (index >= answers.size() || !answers[index].content.match_elements<caf::error>())
      return {};
    return answers[index].content.get_as<caf::error>(0);
  }
  static std::string text_of(const caf::error& error) { return ia::describe(error); }

  std::vector<ia::dead_letter> letters() {
    std::lock_guard guard{letters_mutex_};
    return letters_;
  }

private:
  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  caf::strong_actor_ptr asker_;
  std::mutex letters_mutex_;
  std::vector<ia::dead_letter> letters_;
  std::shared_ptr<ia::dead_letter_office> office_ =
      std::make_shared<ia::dead_letter_office>([this](const ia::dead_letter& letter) {
        std::lock_guard guard{letters_mutex_};
        letters_.push_back(letter);
      });
  ia::timer timer_; // the first one to go, as it calls the others
};

} // namespace ia_test
