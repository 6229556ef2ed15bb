"""Third stage: add up, and tell the most frequent words."""

totals_by_word = {}
for view in counts:
    fields = bytes(view).split()
    for text, count in zip(fields[::2], fields[1::2]):
        totals_by_word[text] = totals_by_word.get(text, 0) + int(count)
for text, count in sorted(totals_by_word.items(), key=lambda one: -one[1])[:5]:
    totals.send(b"%8d %s" % (count, text))
totals.send(b"%d words, %d different ones" % (sum(totals_by_word.values()), len(totals_by_word)))
