"""Shows and checks what an output holds, without changing it.

Reading order: funnel, history, verify, report.
"""
