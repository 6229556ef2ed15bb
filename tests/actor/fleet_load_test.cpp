#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <semaphore>
#include <thread>

#include "fleet_support.hpp"

using namespace std::chrono_literals;

namespace {

using ia_test::fake_member;
using ia_test::Fleet;

constexpr int producers = 4;

/// Messages of all producers together.
#if defined(INTERP_ACTORS_SANITIZED)
constexpr int messages = 20'000;
#else
constexpr int messages = 100'000;
#endif

/// Sends numbers from several threads, each with few messages under way, so that members are idle again and again.
class load {
public:
  explicit load(int senders = producers, int window = 4) : senders_{senders}, window_{window} {
    for (int i = 0; i < senders; ++i)
      room_.emplace_back(window);
  }

  void done_with(int number) { room_[static_cast<std::size_t>(number % senders_)].release(); }

  /// Calls `send` for each number and waits until it is done with; returns whether it came to that.
  bool run(const std::function<void(int)>& send) {
    std::atomic<bool> stuck{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < senders_; ++i)
      threads.emplace_back([&, i] {
        auto& room = room_[static_cast<std::size_t>(i)];
        auto enter = [&] { return !stuck && room.try_acquire_for(ia_test::patience); };
        for (int n = i; n < messages; n += senders_)
          if (enter())
            send(n);
          else
            stuck = true;
        for (int n = 0; n < window_; ++n)
          if (!enter())
            stuck = true;
      });
    for (auto& each : threads)
      each.join();
    return !stuck;
  }

private:
  const int senders_;
  const int window_;
  std::deque<std::counting_semaphore<>> room_;
};

/// Members that take messages in threads of their own.
class crew {
public:
  /// Handles what a member has taken; returns false to end that thread for good.
  using work = std::function<bool(fake_member& one, std::size_t slot, std::mt19937& random)>;

  /// What one does that was rung and does not come: to leave, and to come later.
  using detour = std::function<void(fake_member& one)>;

  crew(ia::fleet_queue& queue, std::size_t size, const work& handle, detour turn_away = leave)
      : queue_{queue}, turn_away_{std::move(turn_away)} {
    for (std::size_t i = 0; i < size; ++i)
      members_.emplace_back(queue, i);
    for (std::size_t i = 0; i < size; ++i)
      threads_.emplace_back([this, handle, i] { run(handle, i); });
  }

  ~crew() {
    done_ = true;
    for (auto& one : members_)
      one.box.wake()->ring();
    for (auto& each : threads_)
      each.join();
  }

  static void leave(fake_member& one) {
    one.leave();
    std::this_thread::yield();
  }

private:
  void run(const work& handle, std::size_t slot) {
    auto& one = members_[slot];
    std::mt19937 random{static_cast<unsigned>(slot)};
    while (!done_) {
      if (!queue_.pull(one.box, one.now)) {
        one.wake->wait();
        if (random() % 4 == 0)
          turn_away_(one);
      } else if (!handle(one, slot, random)) {
        return;
      }
    }
  }

  ia::fleet_queue& queue_;
  const detour turn_away_;
  std::deque<fake_member> members_;
  std::atomic<bool> done_{false};
  std::vector<std::thread> threads_;
};

int number_of(const fake_member& one) {
  return one.now.element->payload.get_as<int>(0);
}

using FleetLoad = Fleet;

TEST_F(FleetLoad, DeliversEachMessageOnceWhoeverDies) {
  auto queue = make_queue({.attempts = 1'000});
  std::vector<std::atomic<int>> handled(messages);
  std::atomic<std::uint64_t> deaths{0};
  load senders;
  crew members{*queue, 4, [&](fake_member& one, std::size_t, std::mt19937& random) {
                 if (random() % 8 == 0) {
                   ++deaths;
                   one.die("of it");
                   return true;
                 }
                 auto number = number_of(one);
                 ++handled[static_cast<std::size_t>(number)];
                 senders.done_with(number);
                 return true;
               }};
  ASSERT_TRUE(senders.run([&](int number) { tell(*queue, number); }))
      << queue->stats().waiting << " wait beside " << queue->stats().idle << " idle members";
  for (auto& times : handled)
    ASSERT_EQ(times, 1);
  auto stats = queue->stats();
  EXPECT_EQ(stats.waiting, 0u);
  EXPECT_EQ(stats.accepted, static_cast<std::uint64_t>(messages));
  EXPECT_EQ(stats.redelivered, deaths);
  EXPECT_EQ(stats.delivered, stats.accepted + stats.redelivered);
  EXPECT_TRUE(letters().empty());
}

TEST_F(FleetLoad, GoesOnWithTheMembersThatAreLeft) {
  constexpr int size = 16;
  auto queue = make_queue({.attempts = 1'000});
  std::vector<std::atomic<int>> handled(messages);
  std::atomic<int> left{size};
  load senders;
  crew members{*queue, size, [&](fake_member& one, std::size_t slot, std::mt19937& random) {
                 // The last one stays, and each of the others goes at a place of its own.
                 if (random() % (messages / size / 4) == 0) {
                   if (left.fetch_sub(1) > 1) {
                     one.put_back();
                     if (slot % 2 == 0) {
                       one.leave();
                       queue->remove_member(slot);
                     } else {
                       queue->remove_member(slot);
                       one.leave();
                     }
                     return false;
                   }
                   ++left;
                 }
                 auto number = number_of(one);
                 ++handled[static_cast<std::size_t>(number)];
                 senders.done_with(number);
                 return true;
               }};
  ASSERT_TRUE(senders.run([&](int number) { tell(*queue, number); }));
  for (auto& times : handled)
    ASSERT_EQ(times, 1);
  EXPECT_EQ(queue->stats().members, static_cast<std::size_t>(left));
  EXPECT_LT(left, size);
  EXPECT_EQ(queue->stats().waiting, 0u);
}

TEST_F(FleetLoad, HandsOnWhatTheOneWhoWasRungDoesNotComeFor) {
  auto queue = make_queue();
  std::atomic<int> handled{0};
  std::atomic<int> present{3};
  std::atomic<bool> over{false};
  load senders{1, 1};
  auto stay_away = [&](fake_member& one) {
    auto so_far = handled.load();
    if (over)
      return;
    if (present.fetch_sub(1) > 1) {
      one.leave();
      handled.wait(so_far); // another one must come for this message
    }
    ++present;
  };
  crew members{*queue, 3,
               [&](fake_member& one, std::size_t, std::mt19937&) {
                 ++handled;
                 handled.notify_all();
                 senders.done_with(number_of(one));
                 return true;
               },
               stay_away};
  EXPECT_TRUE(senders.run([&](int number) { tell(*queue, number); }));
  over = true;
  ++handled; // for those who are away
  handled.notify_all();
}

TEST_F(FleetLoad, KeepsTheOrderOfEachKeyWhoeverDies) {
  constexpr std::size_t keys = 2; // of each producer, fewer than it has messages under way
  auto key_of = [](const caf::message& content) {
    auto number = static_cast<std::size_t>(content.get_as<int>(0));
    return std::optional<std::size_t>{number % producers + number / producers % keys * producers};
  };
  auto queue = make_queue({.attempts = 1'000, .key = key_of});
  std::array<int, producers * keys> last; // each touched by one member alone
  last.fill(-1);
  std::atomic<int> disorder{0};
  std::atomic<int> handled{0};
  load senders;
  crew members{*queue, 4, [&](fake_member& one, std::size_t slot, std::mt19937& random) {
                 if (random() % 8 == 0) {
                   one.die("of it");
                   return true;
                 }
                 auto number = number_of(one);
                 auto key = *key_of(one.now.element->payload);
                 if (key % 4 != slot || std::exchange(last[key], number) >= number)
                   ++disorder;
                 ++handled;
                 senders.done_with(number);
                 return true;
               }};
  ASSERT_TRUE(senders.run([&](int number) { tell(*queue, number); }));
  EXPECT_EQ(disorder, 0);
  EXPECT_EQ(handled, messages);
}

TEST_F(FleetLoad, LosesNoKeyedMessageWhileMembersComeAndGo) {
  auto key_of = [](const caf::message& content) {
    auto number = static_cast<std::size_t>(content.get_as<int>(0));
    return number % 3 == 0 ? std::nullopt : std::optional{number};
  };
  auto queue = make_queue({.key = key_of});
  std::vector<std::atomic<int>> handled(messages);
  load senders;
  crew members{*queue, 4, [&](fake_member& one, std::size_t, std::mt19937&) {
                 auto number = number_of(one);
                 ++handled[static_cast<std::size_t>(number)];
                 senders.done_with(number);
                 return true;
               }};
  std::atomic<bool> done{false};
  std::thread supervisor{[&] {
    while (!done) {
      ia::mailbox absent{ia::mailbox_limits{}}; // that of a member which takes nothing
      queue->add_member(99, absent);
      std::this_thread::yield();
      queue->remove_member(99);
    }
  }};
  bool through = senders.run([&](int number) { tell(*queue, number); });
  done = true;
  supervisor.join();
  ASSERT_TRUE(through);
  for (auto& times : handled)
    ASSERT_EQ(times, 1);
}

/// Requests meet members that die, deadlines, a small bound, and the closing: each gets one answer.
void answer_everything(const std::shared_ptr<ia::fleet_queue>& queue, ia_test::asker& asker,
                       const std::function<caf::mailbox_element_ptr(int)>& request) {
  constexpr int requests = 20'000;
  std::atomic<int> sent{0};
  {
    crew members{*queue, 4, [&](fake_member& one, std::size_t, std::mt19937& random) {
                   if (random() % 4 == 0)
                     one.die("of it");
                   else
                     ia::answer_request(std::move(one.now.element), nullptr, caf::make_message(1));
                   return true;
                 }};
    std::vector<std::thread> senders;
    for (int i = 0; i < producers; ++i)
      senders.emplace_back([&] {
        for (int n = sent++; n < requests; n = sent++) {
          queue->push(request(n), n % 3 == 0 ? ia::time_after(n % 2 * 1ms) : ia::no_deadline);
          if (n == requests / 4 * 3)
            queue->close({});
        }
      });
    for (auto& each : senders)
      each.join();
  }
  ASSERT_TRUE(asker.wait(requests));
  std::map<std::uint64_t, int> answers;
  for (auto& each : asker.answers())
    ++answers[each.id.integer_value()];
  EXPECT_EQ(answers.size(), static_cast<std::size_t>(requests));
  for (auto& [id, times] : answers)
    ASSERT_EQ(times, 1);
  EXPECT_EQ(queue->stats().waiting, 0u);
}

TEST_F(FleetLoad, AnswersEachRequestOnceWhereItRefusesThem) {
  auto queue = make_queue({.limits = {.messages = 8, .bytes = 0}, .attempts = 2});
  std::vector<caf::mailbox_element_ptr> requests; // made beforehand, as ids are for one thread
  for (int i = 0; i < 20'000; ++i)
    requests.push_back(request(caf::make_message(i)));
  answer_everything(queue, me(), [&](int n) { return std::move(requests[static_cast<std::size_t>(n)]); });
}

TEST_F(FleetLoad, AnswersEachRequestOnceWhereTheyWait) {
  auto queue =
      make_queue({.limits = {.messages = 8, .bytes = 0}, .when_full = ia::when_full::wait, .attempts = 2});
  std::vector<caf::mailbox_element_ptr> requests;
  for (int i = 0; i < 20'000; ++i)
    requests.push_back(request(caf::make_message(i)));
  answer_everything(queue, me(), [&](int n) { return std::move(requests[static_cast<std::size_t>(n)]); });
}

} // namespace
