"""What does a search for augmentation cost on a cluster, and does the schedule that it finds beat its controls?

After "Population Based Augmentation: Efficient Learning of Augmentation Policy Schedules" (arXiv:1905.05393) and its
authors' public code (github.com/arcelien/pba).
"""
